"""The command `lmg-offline`: reads the words, calls the verb, turns errors into sentences and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import LMGError, ValidationError
from . import demo, journal, platform, token

HOLDS, DOES_NOT_HOLD, WRONG_CALL, UNUSABLE = 0, 1, 2, 3


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="lmg-offline", description="The Loop Media audience SDK's journal, tokens and platform."
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for part in (demo, platform, token, journal):
        part.add_to(verbs)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except ValidationError as error:
        print(f"lmg-offline: {error}", file=sys.stderr)
        return WRONG_CALL
    except LMGError as error:
        print(f"lmg-offline: {error}", file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        sys.stderr.close()
        return UNUSABLE


if __name__ == "__main__":
    raise SystemExit(main())
