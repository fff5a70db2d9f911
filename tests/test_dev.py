"""tools/dev.py on machines that lack something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for other Pythons are shell scripts")


def python_that(folder: Path, version: str, *, has_venv: bool) -> Path:
    """Return a stand-in for an interpreter."""
    path = folder / "python"
    path.write_text(
        f'#!/bin/sh\ncase "$2" in *version_info*) echo {version};; *ensurepip*) exit {int(not has_venv)};; esac\n'
    )
    path.chmod(0o755)
    return path


def run(*words: object) -> tuple[int, str]:
    command = [sys.executable, "-I", "-S", str(ROOT / "tools" / "dev.py"), *[str(word) for word in words]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_an_old_python_is_a_sentence(tmp_path: Path) -> None:
    """What is needed, what was found, the way out; no traceback."""
    code, said = run("--python", python_that(tmp_path, "3 9", has_venv=True), "demo")

    assert (3, 1) == (code, said.count("\n"))
    assert "needs Python 3.11 or newer" in said and "is 3.9" in said


def test_a_python_without_venv_is_a_sentence(tmp_path: Path) -> None:
    """As Debian ships it."""
    code, said = run("test", "--python", python_that(tmp_path, "3 12", has_venv=False))

    assert 3 == code
    assert "apt-get install python3-venv" in said
    assert "Traceback" not in said


def test_a_python_that_is_not_there_is_a_sentence() -> None:
    """Named as it was asked for."""
    assert (3, "There is no Python called 3.10.1 here; name one with --python.\n") == run("--python", "3.10.1", "lint")


def test_an_unknown_verb_shows_the_verbs() -> None:
    """Exit 2: the call is wrong."""
    code, said = run("dance")

    assert (2, True) == (code, "dev.py demo" in said)
