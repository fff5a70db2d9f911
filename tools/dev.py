#!/usr/bin/env python3
"""
Everything a developer runs, on a fresh machine, with the standard library alone.

    python3 tools/dev.py demo          the main job, shown
    python3 tools/dev.py test [...]    linters, types, import rules, tests, coverage; more words go to pytest
    python3 tools/dev.py lint          the first three of these
    python3 tools/dev.py wheel         build a wheel into dist/

`--python PATH` before the verb takes another interpreter, with an environment
of its own. The environment is made in .venv, and again when setup.py or
pyproject.toml have changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def stop(sentence: str) -> None:
    """End with a sentence instead of a traceback."""
    print(sentence, file=sys.stderr)
    raise SystemExit(3)


def environment(python: str) -> Path:
    """Return the interpreter of the project's environment, made or renewed if need be."""
    named = "" if python == sys.executable else "-" + hashlib.sha256(python.encode()).hexdigest()[:8]
    folder = ROOT / f".venv{named}"
    binary = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("setup.py", "pyproject.toml")) + str(ROOT).encode()
    ).hexdigest()
    stamp = folder / "installed"
    if binary.exists() and stamp.exists() and stamp.read_text() == wanted:
        return binary
    print(f"making the environment in {folder.name} ...", file=sys.stderr)
    if subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode:
        stop("This Python has no venv module; install it (on Debian: apt-get install python3-venv) and run again.")
    shutil.rmtree(folder, ignore_errors=True)
    if subprocess.run([python, "-m", "venv", str(folder)], check=False).returncode:
        stop(f"The environment could not be made in {folder}; see the lines above.")
    pip = [str(binary), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-e", f"{ROOT}[platform,dev]"], check=False).returncode:
        stop("pip could not install the project; see the lines above.")
    stamp.write_text(wanted)
    return binary


def run(label: str, command: list[str], **extra: str) -> int:
    """Run one command, print how it ended and how long it took."""
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **extra}, check=False).returncode
    print(f"[{label}] {'ok' if code == 0 else f'exit {code}'} in {time.monotonic() - started:.1f} s", flush=True)
    return code


def lint(python: Path) -> int:
    """Run the linters, the type checker and the import rules."""
    tool = [str(python), "-m"]
    return max(
        run("ruff", [*tool, "ruff", "check", "."]),
        run("mypy", [*tool, "mypy"]),
        run("imports", [str(python), "-c", "from importlinter.cli import lint_imports_command as c; c()"]),
    )


def test(python: Path, words: list[str]) -> int:
    """Run everything that must hold; a part of the tests alone when words are given."""
    if words:
        return run("pytest", [str(python), "-m", "pytest", *words])
    failed = lint(python)
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    coverage = [str(python), "-m", "coverage"]
    failed = max(failed, run("pytest", [*coverage, "run", "-m", "pytest", "-q"]))
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=False)
    return max(failed, run("coverage", [*coverage, "report"]))


def main(words: list[str]) -> int:
    """Do what the words say; return the exit code."""
    python = sys.executable
    if words[:1] == ["--python"] and len(words) > 1:
        python, words = shutil.which(words[1]) or words[1], words[2:]
    elif sys.version_info < OLDEST:
        stop(f"lmg_offline needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}.")
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb not in ("demo", "test", "lint", "wheel"):
        print(__doc__, file=sys.stderr)
        return 2
    binary = environment(python)
    if verb == "demo":
        demo = [str(binary), "-m", "lmg_offline.cli.main", "demo", *rest]
        return subprocess.run(demo, cwd=ROOT, check=False).returncode
    if verb == "lint":
        return lint(binary)
    if verb == "wheel":
        return run("wheel", [str(binary), "-m", "build", "--wheel"])
    return test(binary, rest)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
