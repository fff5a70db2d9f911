"""
How PostgreSQL is opened: one host, or several of which one takes writes.

Source: the PostgreSQL manual, "Connection Control Functions" (several hosts,
`target_session_attrs`, keepalives) and "PostgreSQL Error Codes".
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event

DRIVER = "postgresql+psycopg"

# What a connection is opened with unless the URL says otherwise. A host that went
# without a word (power, cable) is noticed in some ten seconds and not in two hours.
_DEFAULTS: Mapping[str, str] = {
    "application_name": "lmg-offline-platform",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}
# read_only_sql_transaction: a primary that was made a standby while we were connected;
# crash_shutdown, cannot_connect_now: this host is not the one to talk to.
_ELSEWHERE = frozenset({"25006", "57P02", "57P03"})


def make_engine(url: URL, logging_name: str) -> Engine:
    """
    Return the engine of a PostgreSQL database.

    Args:
        url: Any driver's; several hosts as `?host=a:5432&host=b:5432`.

        logging_name: Under which SQLAlchemy logs.

    Raises:
        ModuleNotFoundError: psycopg is not installed.
        ValueError: It names another driver.
    """
    if url.drivername not in ("postgresql", DRIVER):
        raise ValueError(f"PostgreSQL is reached as {DRIVER}://, not as {url.drivername}://")
    if importlib.util.find_spec("psycopg") is None:
        raise ModuleNotFoundError(
            "PostgreSQL needs its driver; run: pip install 'lmg-offline[postgresql]'", name="psycopg"
        )
    url = url.set(drivername=DRIVER, query={**_DEFAULTS, **url.query})
    engine = create_engine(
        url, hide_parameters=True, logging_name=logging_name, pool_pre_ping=True, pool_size=10, max_overflow=30
    )
    event.listen(engine, "handle_error", _leave_a_host_that_takes_no_writes)
    return engine


def _leave_a_host_that_takes_no_writes(context: ExceptionContext) -> None:
    """Count the connection as lost, and all that were opened before it."""
    if getattr(context.original_exception, "sqlstate", None) in _ELSEWHERE:
        context.is_disconnect = True
