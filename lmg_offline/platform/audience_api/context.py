"""What a resolver of the Audience API may know about the request it serves."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection

from lmg_offline.platform.ingest import Read
from lmg_offline.platform.properties import Property
from lmg_offline.platform.sessions import Session


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """
    The journal entry that a mutation delivers, as the device says: for the log, and for nothing else.

    Attributes:
        device_id: Of the device that made it; not proven.

        seq: Its number in the device's lane.

        id: Unique in the world.
    """

    device_id: str
    seq: int
    id: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """A replay that was read before the transaction began: on SQLite that holds up every other writer."""

    device: object = field(repr=False)
    lanes: object = field(repr=False)
    read: Read

    def is_of(self, device: object, lanes: object) -> bool:
        """Say whether these are the arguments that were read."""
        return device is self.device and lanes is self.lanes


@dataclass(frozen=True, slots=True)
class RequestContext:
    """
    The caller of one GraphQL request; `info.context` in resolvers.

    Attributes:
        connection: The connection of this request. A query only reads; each
            request has one transaction.

        property: The property of the write key.

        integration_id: The integration of the write key.

        session: The session of the session token, or None without one. One that
            has expired is given to extendSession alone.

        locale: X-Client-Locale, else the first tag of Accept-Language, in lower case; or None.

        now_ms: The instant of the request, milliseconds since 1970 UTC.

        base_url: Where the caller reached this server, without a slash at the
            end.

        session_ttl_s: How long a session token is good, in seconds.

        sdk: Name and version of the SDK, as it says.

        session_token: The token of `session`. Not in the repr.

        entry: The journal entry that the request delivers, if it names one.

        bad_token: See `Settings`.

        ahead: What was read before the transaction began.
    """

    connection: Connection
    property: Property
    integration_id: str
    session: Session | None
    locale: str | None
    now_ms: int
    base_url: str
    session_ttl_s: int
    sdk: str | None = None
    session_token: str | None = field(default=None, repr=False)
    entry: NamedEntry | None = None
    bad_token: str = "error"
    ahead: Ahead | None = None

    @builtins.property
    def property_id(self) -> str:
        """The id of the property."""
        return self.property.id

    @builtins.property
    def user_id(self) -> str | None:
        """The user the session belongs to, or None."""
        return self.session.user_id if self.session else None

    @builtins.property
    def user_hash(self) -> int | None:
        """The indexed hash of `user_id`, or None."""
        return self.session.user_hash if self.session else None

    @builtins.property
    def verified(self) -> bool:
        """Whether the session's user proved who they are."""
        return self.session is not None and self.session.state == "verified"


Info = GraphQLResolveInfo[RequestContext]
