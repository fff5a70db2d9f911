"""`lmg-offline platform serve`: the platform, for development, tests, and a site that hosts its own."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from typing import Any

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642
NEEDED = ("starlette", "uvicorn", "graphql", "alembic", "apispec")


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    parser = verbs.add_parser("platform", help="run the platform", description="The platform's server.")
    inner = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    serve = inner.add_parser("serve", help="answer requests until stopped")
    serve.add_argument("--host", default=DEFAULT_HOST)
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    serve.add_argument("--database", default=os.environ.get("LMG_DATABASE_URL"), metavar="URL",
                       help="sqlite:///PATH; default: platform.db in the user's data folder")  # fmt: skip
    serve.add_argument("--dev", action="store_true", help="make one property on first use, and serve GraphiQL")
    serve.add_argument("--workers", type=int, default=1)
    serve.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> int:
    """Serve until stopped; the first line on stdout names endpoint and keys."""
    if is_missing():
        return 3
    if not 0 <= arguments.port <= 65535 or arguments.workers < 1:
        print("lmg-offline: --port is 0 to 65535, --workers 1 or more", file=sys.stderr)
        return 2
    from ..platform.server import serve

    code: int = serve(
        host=arguments.host,
        port=arguments.port,
        database_url=arguments.database or default_database(),
        dev=arguments.dev,
        workers=arguments.workers,
        announce=lambda facts: print(json.dumps(facts), flush=True),
    )
    return code


def is_missing() -> bool:
    """Say, also on stderr, whether the platform's packages are not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print("lmg-offline: the platform is not installed; run: pip install 'lmg-offline[platform]'", file=sys.stderr)
    return bool(missing)


def default_database() -> str:
    """Return the URL of the default database, its folder made."""
    import platformdirs

    folder = platformdirs.user_data_path("lmg-offline-platform", appauthor=False, ensure_exists=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'platform.db'}"
