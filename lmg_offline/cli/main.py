"""The command `lmg-offline`: reads the words, calls the verb, turns errors into sentences and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import LMGError, ValidationError
from . import demo, doctor, journal, platform, token

WRONG_CALL, UNUSABLE, INTERRUPTED = 2, 3, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(words)
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except ValidationError as error:
        print(f"lmg-offline: {error}", file=sys.stderr)
        return WRONG_CALL
    except LMGError as error:
        print(f"lmg-offline: {error}", file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        # Whoever read our output has left. Python would say so again at exit, when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNUSABLE
    except KeyboardInterrupt:
        print("lmg-offline: stopped", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lmg-offline",
        description="The Loop Media audience SDK's journal, tokens and platform.",
        epilog="Exit codes: 0 it holds; 1 it does not; 2 the call is wrong; "
        "3 the journal or the platform can't be used.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for part in (demo, platform, token, journal, doctor):
        part.add_to(verbs)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
