"""What commands print: JSON for machines, lines of at most 80 columns for people."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum

WIDTH = 80


def plain(value: object) -> object:
    """Return the value as JSON takes it: fields by name, times ISO 8601 in UTC, enums by value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields_of(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def fields_of(value: object) -> dict[str, object]:
    """Return the fields of a dataclass by name, each as JSON takes it."""
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"not a dataclass: {type(value).__name__}")
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def print_json(value: object) -> None:
    """Print one JSON object, in ASCII: whatever the terminal's encoding, it arrives."""
    print(json.dumps(plain(value)))


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print name and value, a pair a line, long values wrapped."""
    rows = [(name, "-" if value is None else str(plain(value))) for name, value in pairs]
    width = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        lines = textwrap.wrap(value, WIDTH - width, break_on_hyphens=False) or [""]
        print(f"{name:<{width}}{lines[0]}")
        for line in lines[1:]:
            print(" " * width + line)


def print_wrapped(text: str, indent: str = "") -> None:
    """Print a paragraph of at most 80 columns."""
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False))
