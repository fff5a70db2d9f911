#!/usr/bin/env python3
"""
Everything a developer runs, on a fresh machine, with the standard library alone.

    python3 tools/dev.py demo [...]    the main job, shown; more words go to lmg-offline demo
    python3 tools/dev.py test [...]    linters, types, import rules, tests; with more words: pytest
                                       alone, and the words go to it
    python3 tools/dev.py lint          the first three of these
    python3 tools/dev.py coverage      all tests, and that they come to nine lines and branches of ten; twice
                                       the processor time of `test`
    python3 tools/dev.py faults [...]  the rows of the fault matrix, each once; more words:
                                       --minutes N --seed S --row NAME --count N --full --dialect D --json
    python3 tools/dev.py soak [...]    three writers and a bad network: nothing lost, all flat; more
                                       words: --minutes N --seed S --csv FILE --plot FILE
    python3 tools/dev.py mutants [...] bugs planted one at a time in a copy, and the test that catches
                                       each; more words: --only NAME --jobs N --list
    python3 tools/dev.py fuzz [...]    schemathesis against both APIs of a platform of its own, in an
                                       environment of its own; more words: --count N --seed S --database URL
    python3 tools/dev.py docs [...]    write the parts of docs/ that are made from the code; or --check
    python3 tools/dev.py portal-shots  screenshots of every page of the portal, into docs/portal/
    python3 tools/dev.py failover [...]  a PostgreSQL primary and a server are killed under clients
                                       that write; more words: --clients N --seconds S --seed S
    python3 tools/dev.py slid [...]    7,425 real people through the SDK; reports and segments equal to their
                                       file, on both databases; more words: --people N --database KIND
    python3 tools/dev.py million [...] a million generated people: reports and segments timed, answered alike
                                       and explained on both databases; more words: --people N --plans FILE
    python3 tools/dev.py ingest [...]  entries a second with 1, 2 and 4 server processes, beside the bare INSERT
                                       of the same rows; more words: --devices N --batches N --times N
    python3 tools/dev.py bench [...]   our writes, replay, start and idling beside nine peers and bare SQLite, as
                                       ratios, in an environment of its own; more words: --quick --only NAME
                                       --times N --full --minutes N --json FILE --plot FILE
    python3 tools/dev.py fleet [...]   devices with backlogs come back together after an outage: load, waits, and
                                       the law of their growth; more words: --devices N,N --outage S --plot FILE
    python3 tools/dev.py wheel         build a wheel into dist/

`--python 3.12` (a version, a name or a path), right before or after the verb,
takes another interpreter, with an environment of its own. The environment is
made in .venv, and brought up to date when setup.py or pyproject.toml have changed.

Exit codes: 0 it holds; 1 it does not; 2 the call is wrong; 3 the environment
can't be made.
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
MOST_WORKERS = 4
MODULES = {
    "faults": "tools.faults",
    "soak": "tools.soak",
    "mutants": "tools.mutants",
    "fuzz": "tools.fuzz",
    "docs": "tools.docs",
    "failover": "tools.cluster",
    "slid": "tools.slid",
    "million": "tools.million",
    "ingest": "tools.ingest",
    "bench": "tools.bench",
    "fleet": "tools.fleet",
    "portal-shots": "tools.portal",
}
VERBS = ("demo", "test", "lint", "coverage", *MODULES, "wheel")
# Verbs with an environment apart: schemathesis would be loaded into every run of
# pytest, and the peers' own dependencies must not be able to change ours.
APART = {"fuzz": ("platform,fuzz", "-fuzz"), "bench": ("bench", "-bench")}
BROWSER = ("chromium", "chromium-driver")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def stop(sentence: str) -> None:
    """End with a sentence instead of a traceback."""
    print(sentence, file=sys.stderr)
    raise SystemExit(3)


def version_of(python: str) -> tuple[int, ...] | None:
    """Return (major, minor) of an interpreter, or None when it does not run."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return tuple(int(part) for part in done.stdout.split()) if done.returncode == 0 else None


def chosen(name: str | None) -> str:
    """Return the interpreter to use, checked."""
    python = sys.executable
    if name is not None:
        python = shutil.which(f"python{name}") or shutil.which(name) or name
    version = version_of(python)
    if version is None:
        stop(f"There is no Python called {name or python} here; name one with --python.")
    elif version < OLDEST:
        wanted, found = (".".join(str(part) for part in parts) for parts in (OLDEST, version))
        stop(f"lmg_offline needs Python {wanted} or newer; {python} is {found}. Name another with --python.")
    return python


def environment(name: str | None, extras: str = "platform,dev", suffix: str = "") -> Path:
    """Return the interpreter of an environment of the project, made or renewed if need be."""
    python = chosen(name)
    hashed = "" if name is None else f"-{hashlib.sha256(python.encode()).hexdigest()[:8]}"
    folder = ROOT / f".venv{suffix}{hashed}"
    binary = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    described = b"".join((ROOT / file).read_bytes() for file in ("setup.py", "pyproject.toml"))
    wanted = hashlib.sha256(described + str(ROOT).encode()).hexdigest()
    works = binary.exists() and (version_of(str(binary)) or (0,)) >= OLDEST
    if works and stamp.exists() and stamp.read_text() == wanted:
        return binary
    print(f"preparing the environment in {folder.name} ...", file=sys.stderr)
    if not works:
        make(python, folder)
    pip = [str(binary), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-e", f"{ROOT}[{extras}]"], check=False).returncode:
        stop("pip could not install the project; see the lines above.")
    stamp.write_text(wanted)
    return binary


def make(python: str, folder: Path) -> None:
    """Make an empty environment."""
    if subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode:
        stop("This Python has no venv module; install it (on Debian: apt-get install python3-venv) and run again.")
    shutil.rmtree(folder, ignore_errors=True)
    if subprocess.run([python, "-m", "venv", str(folder)], check=False).returncode:
        stop(f"The environment could not be made in {folder}; see the lines above.")


def run(label: str, command: list[str]) -> int:
    """Run one command, print how it ended and how long it took; 0 or 1."""
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"[{label}] {'ok' if code == 0 else f'exit {code}'} in {time.monotonic() - started:.1f} s", flush=True)
    return int(code != 0)


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
    if not words or any("portal" in word for word in words):
        browser()
    if words:
        return run("pytest", [str(python), "-m", "pytest", *words])
    started = time.monotonic()
    failed = max(lint(python), run("pytest", [str(python), "-m", *pytest()]))
    verdict = "something does not hold" if failed else "all of it holds"
    print(f"[test] {verdict}; {time.monotonic() - started:.1f} s", flush=True)
    return failed


def coverage(python: Path) -> int:
    """Run all tests, and say what they never come to."""
    browser()
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    tool = [str(python), "-m", "coverage"]
    failed = run("pytest", [*tool, "run", "-m", *pytest()])
    subprocess.run([*tool, "combine", "--quiet"], cwd=ROOT, check=False)
    return max(failed, run("coverage", [*tool, "report"]))


def pytest() -> list[str]:
    """Return the words that run all tests. A file's stay together: many share a server, or a database."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    return ["pytest", "-q", "-n", str(workers), "--dist", "loadfile", "--durations", "20"]


def browser() -> None:
    """
    Install Chromium and its driver where they are missing, on Debian or Ubuntu, as root.

    Elsewhere nothing is done: the tests that need them fail, and say what to install.
    """
    if shutil.which("chromedriver") is not None and any(map(shutil.which, BROWSERS)):
        return
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("installing Chromium for the portal's tests ...", file=sys.stderr)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "-qq", "--no-install-recommends", *BROWSER]
    for command in (["apt-get", "update", "-qq"], install):
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode:
            print("apt-get could not install it; the portal's tests will say what they lack.", file=sys.stderr)
            return


def without_python(words: list[str]) -> tuple[str | None, list[str]]:
    """Take `--python NAME` from before or after the verb; the words for pytest are left alone."""
    for place in (0, 1):
        if words[place : place + 1] == ["--python"] and len(words) > place + 1:
            return words[place + 1], words[:place] + words[place + 2 :]
    return None, words


def main(words: list[str]) -> int:
    """Do what the words say; return the exit code."""
    name, words = without_python(words)
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb not in VERBS:
        asked = verb in ("-h", "--help", "help")
        print(__doc__, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    binary = environment(name, *APART.get(verb, ()))
    if verb == "demo":
        return subprocess.run([str(binary), "-m", "lmg_offline.cli.main", "demo", *rest], check=False).returncode
    if verb == "lint":
        return lint(binary)
    if verb == "coverage":
        return coverage(binary)
    if verb in MODULES:
        if verb == "portal-shots":
            browser()
        return subprocess.run([str(binary), "-m", MODULES[verb], *rest], cwd=ROOT, check=False).returncode
    if verb == "wheel":
        return run("wheel", [str(binary), "-m", "build", "--wheel"])
    return test(binary, rest)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)
