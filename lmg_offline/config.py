"""Every setting of a client, with its unit and bounds, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from .errors import ValidationError

Durability = Literal["full", "normal"]

DEFAULT_ENDPOINT = "http://127.0.0.1:8642"
MAX_ENTRIES = 1_000_000
MAX_BYTES = 1024**3
LEAST_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class LmgSettings:
    """
    How to speak to a platform without the replay extension, where its public facts leave it open.

    Attributes:
        identify_warnings: What it means when the platform takes a verification
            token and warns: `reject`: it was refused; `identified`: taken, but not
            verified; `ignore`: verified.

        refresh_refused_tokens: Ask the `token_provider` for a fresh token whatever
            the platform's reason was; False: only when it says that the token expired.

        extend_after_s: Age of a session token at which the session is extended, in seconds.

        entry_header: Name the journal entry in a header of each write, for the
            platform's log. Servers pass over headers they do not know.

    Source: docs/lmg-compatibility.md says what is known, what is not, and why these are the defaults.
    """

    identify_warnings: Literal["reject", "identified", "ignore"] = "reject"
    refresh_refused_tokens: bool = True
    extend_after_s: float = 6 * 3600.0
    entry_header: bool = True

    def __post_init__(self) -> None:
        errors: dict[str, list[str]] = {}
        if self.identify_warnings not in ("reject", "identified", "ignore"):
            errors["lmg.identify_warnings"] = ['Use "reject", "identified" or "ignore".']
        if not 60 <= self.extend_after_s <= 365 * 86400:
            errors["lmg.extend_after_s"] = ["Give seconds, from a minute to a year."]
        if errors:
            raise ValidationError(errors)


class Bounds(NamedTuple):
    """
    How much the journal may hold.

    Attributes:
        max_entries: Most entries, the parked and the refused ones counted; None: any number.

        max_bytes: Most bytes on disk, the write-ahead log counted; None: whatever the disk has.
    """

    max_entries: int | None = MAX_ENTRIES
    max_bytes: int | None = MAX_BYTES

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is out of range, by name."""
        found: dict[str, list[str]] = {}
        for name, least in (("max_entries", 1), ("max_bytes", LEAST_BYTES)):
            given = getattr(self, name)
            if given is not None and (type(given) is not int or not least <= given <= 2**53):
                found[name] = [f"Give a whole number from {least} on, or None for no bound."]
        return found


class Config(NamedTuple):
    """
    Settings of one client.

    Attributes:
        write_key: The integration's write key.

        endpoint: Base URL of the platform, without a trailing slash.

        app_name: Names the folder under the user's data folder.

        data_dir: The folder itself; None derives it from `app_name`.

        durability: `full` survives power loss, `normal` a crash of the process.

        sync: False: journal only, nothing is ever sent.

        bounds: How much the journal may hold.

        request_deadline_s: Longest one request may take, in seconds.
    """

    write_key: str
    endpoint: str
    app_name: str
    data_dir: Path | None
    durability: Durability
    sync: bool
    bounds: Bounds
    request_deadline_s: float = 30.0

    def __repr__(self) -> str:
        return f"<Config of {self.endpoint}>"


def make_config(
    write_key: str | None,
    *,
    endpoint: str | None,
    app_name: str,
    data_dir: str | os.PathLike[str] | None,
    durability: str,
    sync: bool,
    max_entries: int | None = MAX_ENTRIES,
    max_bytes: int | None = MAX_BYTES,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """
    Check the settings and fill in what the environment names.

    Raises:
        ValidationError: A setting is out of bounds; all of them are named at once.

    Source: environment variables of the command line, docs of `lmg-offline`.
    """
    errors: dict[str, list[str]] = {}
    key = write_key if write_key is not None else environ.get("LMG_WRITE_KEY", "")
    if not isinstance(key, str) or (sync and not key) or not key.isascii() or not key.isprintable():
        errors["write_key"] = ["Give the integration's write key, or set LMG_WRITE_KEY."]
    url = endpoint or environ.get("LMG_ENDPOINT") or DEFAULT_ENDPOINT
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        errors["endpoint"] = ["Give an http or https URL without a query."]
    elif parts.username or parts.password:
        errors["endpoint"] = ["Leave user name and password out of the URL."]
    if durability not in ("full", "normal"):
        errors["durability"] = ['Use "full" or "normal".']
    if not app_name or not all(c.isalnum() or c in "-_. " for c in app_name) or app_name in (".", ".."):
        errors["app_name"] = ["Use letters, digits, '-', '_', '.' and spaces."]
    bounds = Bounds(max_entries, max_bytes)
    errors |= bounds.faults
    if errors:
        raise ValidationError(errors)
    folder = data_dir or environ.get("LMG_DATA_DIR")
    return Config(
        write_key=key,
        endpoint=url.rstrip("/"),
        app_name=app_name,
        data_dir=Path(folder) if folder else None,
        durability="full" if durability == "full" else "normal",
        sync=sync,
        bounds=bounds,
    )
