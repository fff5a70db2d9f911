"""`lmg-offline token sign|check`: verification tokens, for the customer's own server."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from ..verification import DEFAULT_MESSAGE, VerificationKey, check_token, sign_user_id
from .output import print_json


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    parser = verbs.add_parser("token", help="sign and check verification tokens")
    inner = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    sign = inner.add_parser("sign", help="print a token for a user id")
    sign.add_argument("--timestamp", action="store_true", help="make one that carries the time and expires")
    check = inner.add_parser("check", help="exit 0 when the token is valid for the user id, else 1")
    check.add_argument("--max-age", type=int, metavar="SECONDS", help="refuse older timestamped tokens")
    for each in (sign, check):
        each.add_argument("--key", required=True, help="the property's verification key")
        each.add_argument("--message", default=DEFAULT_MESSAGE, help=argparse.SUPPRESS)
        each.add_argument("--json", action="store_true")
        each.add_argument("user_id", metavar="USER_ID")
    check.add_argument("token", metavar="TOKEN")
    sign.set_defaults(run=run_sign)
    check.set_defaults(run=run_check)


def run_sign(arguments: argparse.Namespace) -> int:
    """Print a token."""
    key = VerificationKey.parse(arguments.key, message=arguments.message)
    at = datetime.now(UTC) if arguments.timestamp else None
    token = sign_user_id(key, arguments.user_id, at=at)
    if arguments.json:
        print_json({"token": token})
    else:
        print(token)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Say whether a token is valid, and if not, why."""
    key = VerificationKey.parse(arguments.key, message=arguments.message)
    verdict = check_token([key], arguments.user_id, arguments.token, now=datetime.now(UTC), max_age_s=arguments.max_age)
    if arguments.json:
        print_json({"valid": verdict.ok, "code": verdict.code, "message": verdict.message})
    else:
        print("valid" if verdict.ok else f"not valid ({verdict.code}): {verdict.message}")
    return 0 if verdict.ok else 1
