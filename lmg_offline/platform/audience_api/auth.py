"""Resolvers of /graph/auth: sessions, identity, traits, and the replay extension."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from lmg_offline.errors import ValidationError
from lmg_offline.platform import ingest, sessions
from lmg_offline.platform.audience_api.context import Info, RequestContext
from lmg_offline.platform.audience_api.errors import malformed, refused, session_required
from lmg_offline.platform.batch import Touched
from lmg_offline.platform.effects import Applied, Effects, Stamp
from lmg_offline.platform.entry_log import Numbers, log_entry
from lmg_offline.platform.identity import TokenJudge, verification_keys
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.profiles import to_json
from lmg_offline.platform.sessions import Session
from lmg_offline.platform.store import tables
from lmg_offline.protocol import canonical
from lmg_offline.protocol.entries import Kind, check_payload
from lmg_offline.protocol.profile import check_wire
from lmg_offline.protocol.replay import DEVICE_REFUSED


def replay(_: object, info: Info, device: object, lanes: object) -> dict[str, Any]:
    """Apply the lanes of a device. See `ingest.replay`."""
    context: RequestContext = info.context
    ahead = context.ahead
    try:
        read = ingest.read(device, lanes) if ahead is None or not ahead.is_of(device, lanes) else ahead.read
    except ValidationError as error:
        raise malformed(f"The replay is malformed: {str(error)[:500]}") from None
    try:
        return ingest.replay(
            context.connection,
            context.property,
            context.integration_id,
            read.device,
            read.lanes,
            payloads=read.payloads,
            now_ms=context.now_ms,
            session_ttl_s=context.session_ttl_s,
            sdk=context.sdk,
        )
    except ingest.DeviceRefused as refusal:
        raise AudienceError("ForbiddenError", str(refusal), 403, DEVICE_REFUSED) from None


def create_session(_: object, info: Info) -> dict[str, Any]:
    """Open an anonymous session."""
    context: RequestContext = info.context
    session = sessions.open_session(context.connection, context.property_id, context.integration_id, context.now_ms)
    return _answer(context, session)


def extend_session(_: object, info: Info) -> dict[str, Any]:
    """Give the session a new token, good for the whole span again."""
    context: RequestContext = info.context
    return _answer(context, _session(context))


def identify_session(
    _: object,
    info: Info,
    externalId: str,
    externalIdSignature: str | None = None,
) -> dict[str, Any]:
    """
    Give the session to a user, verified when there is a signature.

    A session that belongs to another user stays theirs: a new one is opened.
    """
    context: RequestContext = info.context
    session = _session(context)
    if session.user_id not in (None, externalId):
        session = sessions.open_session(context.connection, context.property_id, context.integration_id, context.now_ms)
    signature = externalIdSignature
    warnings: list[str] = []
    if signature is not None and context.bad_token == "warning":
        keys = verification_keys(context.connection, context.property_id)
        verdict = TokenJudge(keys, context.property.token_max_age_s, context.now_ms).check(externalId, signature)
        if not verdict.ok:
            signature, warnings = None, [verdict.message]
    payload = {"user_id": externalId, "verify": signature is not None}
    write(context, session, Kind.IDENTIFY, payload, token=signature)
    return _answer(context, session, warnings)


def update_session_traits(_: object, info: Info, traits: str) -> dict[str, Any]:
    """Write traits, given as the text of a JSON object; those that can't be taken become warnings."""
    context: RequestContext = info.context
    session = _session(context)
    try:
        given = canonical.decode(traits)
    except ValueError as error:
        raise malformed(f"traits: {error}") from None
    if not isinstance(given, dict):
        raise malformed("traits: Must be the text of a JSON object.")
    profile: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in given.items():
        try:
            profile |= check_wire({name: value})
        except ValidationError as error:
            warnings.append(str(error)[:500])
    if profile:
        write(context, session, Kind.UPDATE, {"profile": profile})
    return {"traits": _traits(context, session), "warnings": warnings}


def get_session_traits(_: object, info: Info) -> dict[str, Any]:
    """Return the profile the session may see."""
    context: RequestContext = info.context
    return {"traits": _traits(context, _session(context)), "warnings": []}


def write(
    context: RequestContext, session: Session, kind: Kind, payload: Mapping[str, Any], *, token: str | None = None
) -> None:
    """
    Apply one write of the Audience API, and log it where it names a journal entry.

    It is not compared with what was applied before: it says what a value is to
    be, so that a repeat has no second effect.

    Raises:
        AudienceError: It is refused.
    """
    try:
        checked = check_payload(kind.value, payload)
    except ValidationError as error:
        raise malformed(str(error)[:500]) from None
    touched = Touched(
        session_ids=[session.session_id],
        entry_ids=[] if context.entry is None else [context.entry.id],
        user_ids=[payload["user_id"]] if "user_id" in payload else (),
        offer_ids=[payload["offer_id"]] if "offer_id" in payload else (),
        redeemed=[payload["offer_id"]] if kind is Kind.REDEEM else (),
    )
    effects = Effects(context.connection, context.property, touched, context.now_ms)
    lane = effects.batch.lanes[session.session_id]
    at_ms = max(context.now_ms, lane.last_entry_at or 0)
    named = None if context.entry is None or context.entry.id in effects.batch.log else context.entry
    stamp = Stamp(str(uuid.uuid4()), 0, at_ms)
    if named is not None:
        numbers = Numbers(effects.batch, session.session_id, [named.seq])
        stamp = Stamp(named.id, numbers.take(named.seq), at_ms)
    outcome = effects.apply(session.session_id, kind, checked, token, stamp)
    if not isinstance(outcome, Applied):
        raise refused(outcome.code, outcome.message)
    if named is not None:
        lane = effects.batch.lanes[session.session_id]
        log_entry(effects.batch, lane, kind.value, stamp, named.device_id, outcome, context.now_ms)
    effects.finish()


def _session(context: RequestContext) -> Session:
    if context.session is None:
        raise session_required()
    return context.session


def _answer(context: RequestContext, session: Session, warnings: Sequence[str] = ()) -> dict[str, Any]:
    held = context.session_token if context.session == session else None
    token = sessions.issue_token(context.connection, session, context.now_ms, context.session_ttl_s, held)
    now = sessions.get(context.connection, session.property_id, session.session_id)
    return {
        "token": token,
        "content": {
            "sessionId": now.session_id,
            "integrationId": now.integration_id,
            "propertyId": now.property_id,
            "updated": _iso(now.updated_at),
            "created": _iso(now.opened_at),
        },
        "meta": {"stats": {"ingestionUrl": f"{context.base_url}/ingest/{now.ingest_key}"}},
        "warnings": list(warnings),
    }


def _traits(context: RequestContext, session: Session) -> str:
    """
    Return the profile as JSON text: the user's for a verified session, else what the session wrote itself.

    Whoever merely claims to be a user must not read what that user wrote.
    """
    current = sessions.get(context.connection, session.property_id, session.session_id)
    if current.state == "verified":
        table = tables.profile_values
        owned = table.c.user_hash == current.user_hash
    else:
        table = tables.session_values
        owned = table.c.session_id == current.session_id
    rows = context.connection.execute(
        select(table.c.attribute, table.c.value)
        .where(table.c.property_id == current.property_id, owned)
        .order_by(table.c.attribute)
    )
    return json.dumps(to_json({row.attribute: row.value for row in rows}), ensure_ascii=False)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "Query": {"getSessionTraits": get_session_traits},
    "Mutation": {
        "replay": replay,
        "createSession": create_session,
        "extendSession": extend_session,
        "identifySession": identify_session,
        "updateSessionTraits": update_session_traits,
    },
}
