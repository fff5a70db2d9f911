"""What keeps the platform from its database for a while; the same request will do later."""

from __future__ import annotations


class DatabaseUnavailable(Exception):
    """The database can't be used now: away, in another's place, or held for too long. The message says what to do."""


class OutcomeUnknown(DatabaseUnavailable):
    """
    The connection was lost at the commit, which may have taken place or not.

    Not tried again by the server: who sent the request sends it again, and an
    entry that was taken is known by its id then.
    """
