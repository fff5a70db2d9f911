"""What the documents and docstrings about security name as proof is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tools.faults.rows import ROWS

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
NAMED = re.compile(r"\b((?:tests|tools|docs)/[\w/.-]+\.(?:py|md))(?:::(\w+))?")
GUARANTEES = ROOT / "docs" / "guarantees.md"
SOURCES = [DOCUMENT, GUARANTEES, *sorted((ROOT / "tests" / "security").glob("*.py"))]
HEADINGS = (
    "The next person at the kiosk",
    "The thief of the device",
    "The user who attacks through the app",
    "Somebody else on the machine",
    "Somebody on the network",
    "The hostile client of the platform",
    "The hostile platform",
    "The operator",
    "What is not promised",
)


@cache
def functions_of(path: Path) -> set[str]:
    """Return the names of the functions in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_what_is_named_as_proof_is_there(source: Path) -> None:
    """Each file, and each test in it."""
    missing = []
    for file, test in NAMED.findall(source.read_text(encoding="utf-8")):
        path = ROOT / file
        if not path.is_file() or (test and test not in functions_of(path)):
            missing.append(f"{file}::{test}")

    assert [] == missing


def promises_of(document: Path) -> list[str]:
    """Return the rows of every table of promises."""
    rows = [line for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith(("| promise", "| ---"))]


def test_each_guarantee_names_a_test_and_each_row_of_the_matrix_a_guarantee() -> None:
    """Every row of every table, but for one that says "the same" of the row before it."""
    promises = promises_of(GUARANTEES)
    text = GUARANTEES.read_text(encoding="utf-8")

    assert 30 < len(promises)
    assert [] == [row for row in promises if not NAMED.search(row) and not row.endswith("| the same |")]
    assert [] == [row.name for row in ROWS if f"`{row.name}`" not in text]


def test_each_promise_names_a_test() -> None:
    """Every row of every table of promises; the other tests of this folder are all named somewhere."""
    promises = promises_of(DOCUMENT)
    named = {file for file, _ in NAMED.findall(DOCUMENT.read_text(encoding="utf-8"))}
    ours = {f"tests/security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}

    assert 25 < len(promises)
    assert [] == [row for row in promises if not NAMED.search(row)]
    assert set() == ours - named


@pytest.mark.parametrize("heading", HEADINGS)
def test_everybody_who_is_thought_of_has_a_place(heading: str) -> None:
    """The threat model is whole."""
    assert f"\n## {heading}\n" in DOCUMENT.read_text(encoding="utf-8")
