"""What the platform answered held against the file."""

from __future__ import annotations

from typing import Any

from .from_the_file import SEGMENTS, Counted, Row, reports, user_id
from .send import Answers


def expected(rows: list[Row]) -> dict[str, Any]:
    """Return what each part of the answers is, counted from the file."""
    parts: dict[str, Any] = {f"report {by}": found for by, found in reports(rows).items()}
    for segment in SEGMENTS:
        members = [row for row in rows if segment.holds(row)]
        parts[f"count {segment.name}"] = len(members)
        parts[f"members {segment.name}"] = sorted(user_id(row) for row in members)
        parts |= {f"report {by} of {segment.name}": found for by, found in reports(members).items()}
    return parts


def differences(rows: list[Row], answers: Answers) -> list[str]:
    """Return a line for each part that is not what the file says."""
    wrong = []
    for name, counted in expected(rows).items():
        answer = answers.parts[name]
        found = Counted([(row["value"], row["count"]) for row in answer["rows"]], answer["missing"]) if (
            isinstance(counted, Counted)) else answer  # fmt: skip
        if found != counted:
            wrong.append(f"{name}: the platform says {str(found)[:300]}, the file {str(counted)[:300]}")
    return wrong


def shown(rows: list[Row], answers: Answers) -> str:
    """Return a table of what was compared, the file's figures beside the platform's."""
    lines = []
    for name, counted in expected(rows).items():
        answer = answers.parts[name]
        if isinstance(counted, Counted) and " of " not in name:
            lines += ["", f"{name.removeprefix('report '):<20}{'platform':>12}{'file':>12}"]
            said = {str(row["value"]): row["count"] for row in answer["rows"]} | {"missing": answer["missing"]}
            file = {_plain(value): count for value, count in counted.rows} | {"missing": counted.missing}
            lines += [f"{value:<20}{said.get(value, 0):>12,}{file.get(value, 0):>12,}" for value in [*file]]
        elif name.startswith("count "):
            lines += ["", f"{name.removeprefix('count ')}", f"{'members':<20}{answer:>12,}{counted:>12,}"]
    return "\n".join([*lines, ""])


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
