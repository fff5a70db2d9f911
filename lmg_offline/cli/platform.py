"""`lmg-offline platform serve|property|key`: the platform, for development, tests, and a site that hosts its own."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642
MOST_KEYS = 10_000
# Said again in platform.admin_api.access, which is not installed everywhere; a test holds one to the other.
ROLES = ("owner", "admin", "dev", "marketing", "support")
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
    made = inner.add_parser("property", help="make and list properties")
    hows = made.add_subparsers(dest="how", required=True, metavar="HOW")
    create = hows.add_parser("create", help="make one, and show its keys this one time")
    create.add_argument("name", metavar="NAME", help="what people call it")
    _add_database(create, _create)
    _add_database(hows.add_parser("list", help="show them, as one JSON object"), _list_properties)
    key = inner.add_parser(
        "key", help="admin keys, for an operator", description="Lets somebody in again whose admin keys are lost."
    )
    hows = key.add_subparsers(dest="how", required=True, metavar="HOW")
    make = hows.add_parser("create", help="make an admin key, and show it this one time")
    make.add_argument("name", metavar="NAME", help="whose it is")
    make.add_argument("--role", choices=ROLES, default="owner", help="what it may do; default: %(default)s")
    shown = hows.add_parser("list", help="show the admin keys of a property, without the keys themselves")
    revoke = hows.add_parser("revoke", help="revoke an admin key, never the last owner's")
    revoke.add_argument("id", metavar="ID", help="the id of the key, as `key list` shows it")
    for parser, verb in ((make, _create_key), (shown, _list_keys), (revoke, _revoke_key)):
        parser.add_argument("--property", required=True, metavar="ID", help="as `property list` shows it")
        _add_database(parser, verb)


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

    with _writing(database_url) as connection:
        keys = properties.create(connection, arguments.name, _now_ms())
    facts = {
        "write_key": keys.write_key,
        "verification_key": keys.verification_key,
        "admin_key": keys.admin_key,
    }
    print(json.dumps(facts))
    print("Keep the write key and the admin key: only their hashes are stored.", file=sys.stderr)
    return 0


def _list_properties(arguments: argparse.Namespace, database_url: str) -> int:
    """Print the properties, as one JSON object."""
    from ..platform import properties
    from ..platform.times import iso

    with _writing(database_url) as connection:
        found = properties.all_of_them(connection)
    print(json.dumps({"properties": [{**row, "created_at": iso(row["created_at"])} for row in found]}))
    return 0


def _create_key(arguments: argparse.Namespace, database_url: str) -> int:
    """Make an admin key and print it, as one JSON object."""
    from ..platform import keys, properties

    with _writing(database_url) as connection:
        if not any(row["id"] == arguments.property for row in properties.all_of_them(connection)):
            return _unknown("property")
        key_id, key = keys.create_admin_key(
            connection, arguments.property, arguments.name, arguments.role, _now_ms()
        )
    print(json.dumps({"id": key_id, "role": arguments.role, "admin_key": key}))
    print("Keep the admin key: only its hash is stored.", file=sys.stderr)
    return 0


def _list_keys(arguments: argparse.Namespace, database_url: str) -> int:
    """Print the admin keys of a property, as one JSON object."""
    from ..platform import keys
    from ..platform.store.tables import admin_keys
    from ..platform.times import iso

    with _writing(database_url) as connection:
        found = keys.page(connection, admin_keys, "id", arguments.property, "", MOST_KEYS)
    items = [
        {
            "id": row["id"],
            "name": row["name"],
            "role": row["role"],
            "created_at": iso(row["created_at"]),
            "revoked_at": iso(row["revoked_at"]),
        }
        for row in found
    ]
    print(json.dumps({"admin_keys": items}))
    return 0


def _revoke_key(arguments: argparse.Namespace, database_url: str) -> int:
    """Revoke an admin key."""
    from ..platform import keys
    from ..platform.store.tables import admin_keys

    with _writing(database_url) as connection:
        row = keys.get(connection, admin_keys, "id", arguments.property, arguments.id)
        if row is None:
            return _unknown("key")
        try:
            keys.revoke_admin_key(connection, row, _now_ms())
        except keys.KeyRefused as refused:
            print(f"lmg-offline: {refused}", file=sys.stderr)
            return 1
    return 0


def _unknown(what: str) -> int:
    print(f"lmg-offline: there is no such {what} in this database", file=sys.stderr)
    return 2


@contextmanager
def _writing(database_url: str) -> Iterator[Any]:
    """Open a database, brought to the newest schema, for one transaction."""
    from ..platform.store.engine import close_engine, make_engine, writing
    from ..platform.store.migrate import upgrade

    engine = make_engine(database_url)
    try:
        upgrade(engine)
        with writing(engine) as connection:
            yield connection
    finally:
        close_engine(engine)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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
