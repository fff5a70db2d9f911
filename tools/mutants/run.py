"""One mutant in a copy of the project: planted, tried, taken out again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("lmg_offline", "tests", "tools", "docs", "pyproject.toml", "setup.py", "README.md", "ARCHITECTURE.md")
# A test that a mutant makes hang is caught too; no sound one takes as long, on a busy machine either.
TEST_TIMEOUT_S = 60
RUN_TIMEOUT_S = 600
_FAILED = re.compile(r"^FAILED (.+?)(?: - .*)?$", re.MULTILINE)
_HOLDS, _FAILS = 0, 1


class Stale(Exception):
    """A mutant, or the copy it is planted in, is not what it should be: nothing was learned."""


@dataclass(frozen=True, slots=True)
class Trial:
    """
    What became of a mutant.

    Attributes:
        caught_by: The first test that failed; None when none did.
    """

    mutant: Mutant
    caught_by: str | None
    took_s: float


def copy_project(folder: Path) -> None:
    """Put what the tests need into an empty folder."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)


def try_mutant(mutant: Mutant, folder: Path) -> Trial:
    """
    Plant a mutant in a copy, run its tests, and take it out again.

    Raises:
        Stale: Its text is not in the source exactly once, it breaks the source,
            or the tests could not be run.
    """
    file = folder / mutant.file
    sound = file.read_text(encoding="utf-8")
    planted = plant(mutant, sound)
    started = time.monotonic()
    try:
        file.write_text(planted, encoding="utf-8")
        caught_by = first_failure(mutant.tests, folder)
    finally:
        file.write_text(sound, encoding="utf-8")
    return Trial(mutant, caught_by, time.monotonic() - started)


def plant(mutant: Mutant, source: str) -> str:
    """Return the source with the bug in it. Raises Stale."""
    found = source.count(mutant.old)
    if found != 1:
        raise Stale(f"{mutant.name}: its text is {found} times in {mutant.file}; bring the catalogue along")
    planted = source.replace(mutant.old, mutant.new)
    try:
        compile(planted, mutant.file, "exec")
    except SyntaxError as error:
        raise Stale(f"{mutant.name}: {mutant.file} is no Python with it ({error.msg}, line {error.lineno})") from None
    return planted


def first_failure(tests: tuple[str, ...], folder: Path) -> str | None:
    """
    Run tests in a copy until one fails; return its name, or None when all hold.

    Raises:
        Stale: They could not be run, or did not end.
    """
    # No byte code is kept: a file that is changed twice within its time stamp's grain would be taken for the first.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, f"--timeout={TEST_TIMEOUT_S}", *tests],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise Stale(f"{' '.join(tests)} did not end within {RUN_TIMEOUT_S} s") from None
    if done.returncode == _HOLDS:
        return None
    failed = _FAILED.search(done.stdout)
    if done.returncode != _FAILS or failed is None:
        raise Stale(f"{' '.join(tests)} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]
