"""`lmg-offline platform serve|property`: the platform, for development, tests, and a site that hosts its own."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642
NEEDED = ("starlette", "uvicorn", "graphql", "alembic", "apispec")

Verb = Callable[[argparse.Namespace, str], int]


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    parser = verbs.add_parser("platform", help="run the platform", description="The platform's server.")
    inner = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    serve = inner.add_parser("serve", help="answer requests until stopped")
    serve.add_argument("--host", default=DEFAULT_HOST, help="address to listen on; default: %(default)s")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 takes a free one; default: %(default)s")
    serve.add_argument("--dev", action="store_true", help="make one property on first use, and serve GraphiQL")
    serve.add_argument("--lmg-only", action="store_true", help="leave out what the real platform does not have")
    serve.add_argument(
        "--session-ttl", type=_seconds, metavar="S", help="seconds a session token is good; default: 30 days"
    )
    serve.add_argument(
        "--bad-token",
        choices=("error", "warning"),
        default="error",
        help="what identifySession does with a bad signature; default: %(default)s",
    )
    serve.add_argument("--workers", type=_workers, default=1, help="processes that answer; default: %(default)s")
    _add_database(serve, _serve)
    made = inner.add_parser("property", help="make a property").add_subparsers(dest="how", required=True, metavar="HOW")
    create = made.add_parser("create", help="make one, and show its keys this one time")
    create.add_argument("name", metavar="NAME", help="what people call it")
    _add_database(create, _create)


def is_missing() -> bool:
    """Say, also on stderr, whether the platform's packages are not installed."""
    missing = any(importlib.util.find_spec(name) is None for name in NEEDED)
    if missing:
        print("lmg-offline: the platform is not installed; run: pip install 'lmg-offline[platform]'", file=sys.stderr)
    return missing


def _add_database(parser: argparse.ArgumentParser, verb: Verb) -> None:
    parser.add_argument(
        "--database",
        default=os.environ.get("LMG_DATABASE_URL"),
        metavar="URL",
        help="sqlite:///PATH or postgresql+psycopg://...; default: LMG_DATABASE_URL, "
        "else platform.db in the user's data folder",
    )
    parser.set_defaults(run=lambda arguments: _on_database(verb, arguments))


def _on_database(verb: Verb, arguments: argparse.Namespace) -> int:
    """Run a verb; what keeps it from its database or address becomes a sentence."""
    if is_missing():
        return 3
    from alembic.util import CommandError
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        return verb(arguments, arguments.database or _default_database())
    except (ArgumentError, ValueError) as error:
        print(f"lmg-offline: --database: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"lmg-offline: {error}", file=sys.stderr)
    except OSError as error:
        what = f"{error.strerror}: {error.filename}" if error.filename else error.strerror or str(error)
        print(f"lmg-offline: the platform can't start: {what}", file=sys.stderr)
    except CommandError as error:
        print(f"lmg-offline: the database is of another version of lmg-offline ({error})", file=sys.stderr)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or type(error).__name__
        print(f"lmg-offline: the database can't be used: {reason}", file=sys.stderr)
    return 3


def _serve(arguments: argparse.Namespace, database_url: str) -> int:
    """Serve until stopped; the first line on stdout names endpoint and keys."""
    from ..platform.server import serve
    from ..platform.settings import Settings

    ttl = {} if arguments.session_ttl is None else {"session_ttl_s": arguments.session_ttl}
    return serve(
        host=arguments.host,
        port=arguments.port,
        database_url=database_url,
        settings=Settings(
            dev=arguments.dev, lmg_only=arguments.lmg_only, bad_token=arguments.bad_token, **ttl
        ),
        workers=arguments.workers,
        announce=lambda facts: print(json.dumps(facts), flush=True),
    )


def _create(arguments: argparse.Namespace, database_url: str) -> int:
    """Make a property and print its keys, as one JSON object."""
    from ..platform import properties
    from ..platform.store.engine import close_engine, make_engine, writing
    from ..platform.store.migrate import upgrade

    engine = make_engine(database_url)
    try:
        upgrade(engine)
        with writing(engine) as connection:
            keys = properties.create(connection, arguments.name, time.time_ns() // 1_000_000)
    finally:
        close_engine(engine)
    facts = {
        "write_key": keys.write_key,
        "verification_key": keys.verification_key,
        "admin_key": keys.admin_key,
    }
    print(json.dumps(facts))
    print("Keep the write key and the admin key: only their hashes are stored.", file=sys.stderr)
    return 0


def _default_database() -> str:
    """Return the URL of the default database, its folder made."""
    import platformdirs

    folder = platformdirs.user_data_path("lmg-offline-platform", appauthor=False, ensure_exists=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'platform.db'}"


def _port(text: str) -> int:
    return _between(text, 0, 65535)


def _seconds(text: str) -> int:
    return _between(text, 1, 10**9)


def _workers(text: str) -> int:
    return _between(text, 1, 64)


def _between(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"give a number from {low} to {high}")
    return int(text)
