"""
What an entry does to the people of a property, by kind.

Works on a `Batch`; whoever sends the entry (a replay, or a mutation of the
Audience API) keeps its own books. Outcomes are values: a refusal is an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from lmg_offline.platform import erasure, privacy
from lmg_offline.platform.batch import Batch, Bookmark, LaneState, Touched, UserState
from lmg_offline.platform.identity import TokenJudge, user_hash, verification_keys
from lmg_offline.platform.profiles import Value, Values, to_text
from lmg_offline.platform.properties import Property
from lmg_offline.platform.redemption.audience import is_entitled
from lmg_offline.platform.redemption.book import Redeemer
from lmg_offline.platform.redemption.transition import redeem
from lmg_offline.platform.writer import flush
from lmg_offline.protocol import canonical
from lmg_offline.protocol.entries import Kind
from lmg_offline.protocol.replay import (
    BOOKMARKING_DISABLED,
    FORGOTTEN,
    IDENTIFICATION_REQUIRED,
    INVALID_PAYLOAD,
    SESSION_TAKEN,
    VERIFICATION_REQUIRED,
    Identity,
)

# As the content schemas have it: a longer one is no content's.
_CONTENT_ID = 128


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    When and as what an entry is applied.

    Attributes:
        entry_id: Its id.

        seq: Its number in the lane; 0 for a mutation of the Audience API.

        at_ms: When it happened, in milliseconds since 1970 UTC.

        uncertain: The time is a lower bound.

        retried: It was refused before, and is sent again after others of its lane.
    """

    entry_id: str
    seq: int
    at_ms: int
    uncertain: bool = False
    retried: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """It took effect, but for the named attributes, which lost to newer values."""

    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """It never will take effect."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Parked:
    """It can't take effect until another token comes."""

    code: str
    message: str


Outcome = Applied | Refused | Parked


class Effects:
    """Applies the entries of one request, in one transaction. Call `finish` at the end."""

    def __init__(self, connection: Connection, property_: Property, touched: Touched, now_ms: int) -> None:
        self._connection = connection
        self._property = property_
        self._now_ms = now_ms
        keys = verification_keys(connection, property_.id)
        self._judge = TokenJudge(keys, property_.token_max_age_s, now_ms)
        self.batch = Batch(connection, property_.id, property_.tombstone_secret, touched)

    def finish(self) -> None:
        """Write everything back."""
        flush(self.batch)

    def apply(
        self, session_id: str, kind: Kind, payload: Mapping[str, Any], token: str | None, stamp: Stamp
    ) -> Outcome:
        """
        Apply one entry to a session of the batch.

        Args:
            session_id: The session that made it.

            kind: What it does.

            payload: Already checked for its kind.

            token: The newest verification token the device holds for the session's user.

            stamp: When and as what.
        """
        lane = self.batch.lanes[session_id]
        if kind is not Kind.FORGET and lane.forgotten_at is not None and stamp.at_ms < lane.forgotten_at:
            return _FORGOTTEN
        match kind:
            case Kind.IDENTIFY:
                outcome = self.identify(lane, payload, token, stamp)
            case Kind.UPDATE:
                outcome = Applied(self._write(lane, payload["profile"], stamp))
            case Kind.TRACK:
                outcome = self._track(lane, payload, stamp)
            case Kind.BOOKMARK | Kind.UNBOOKMARK:
                outcome = self._bookmark(lane, payload, stamp, saved=kind is Kind.BOOKMARK)
            case Kind.FORGET:
                outcome = self._forget(lane, payload, stamp)
            case Kind.REDEEM:
                outcome = self._redeem(lane, payload, stamp)
        lane = self.batch.lanes[session_id]
        if isinstance(outcome, Applied) and lane.user_hash is not None:
            self.batch.users[lane.user_hash].seen(stamp.at_ms)
            self.batch.seen_users.add(lane.user_hash)
        return outcome

    def establish(self, session_id: str, identity: Identity, token: str | None, at_ms: int) -> Refused | Parked | None:
        """
        Give a session back to the user whose it was, on the word of the device that replays it.

        For a platform that was restored from a backup, or is another one than
        that which took the identify. A session that knows its user is left as it
        is; so is one whose user was erased, which belongs to nobody.

        Args:
            identity: Whose session it was before the entries of the request.

            token: As for an identify.

            at_ms: A time at which it was theirs already: that of the next entry.

        Returns:
            None when the entries can be applied; else why they can't.
        """
        lane = self.batch.lanes[session_id]
        is_known = lane.user_id == identity.user_id and (lane.state == "verified" or not identity.verified)
        if is_known or lane.forgotten_key is not None:
            return None
        payload = {"user_id": identity.user_id, "verify": identity.verified}
        outcome = self.identify(lane, payload, token, Stamp("", 0, at_ms))
        if isinstance(outcome, Parked):
            return outcome
        if isinstance(outcome, Refused):
            return None if outcome.code == FORGOTTEN else outcome
        hashed = user_hash(identity.user_id)
        self.batch.users[hashed].seen(at_ms)
        self.batch.seen_users.add(hashed)
        return None

    def identify(self, lane: LaneState, payload: Mapping[str, Any], token: str | None, stamp: Stamp) -> Outcome:
        """Give the session to a user, verified when the entry asks for it and the token is good."""
        batch, user_id = self.batch, payload["user_id"]
        hashed = user_hash(user_id)
        if lane.user_id not in (None, user_id) or (
            lane.forgotten_key is not None and lane.forgotten_key != batch.tombstone_key(user_id)
        ):
            return Refused(SESSION_TAKEN, "The session belongs to another user. Open a new one.")
        forgotten_at = batch.forgotten_at(user_id)
        if forgotten_at is not None and stamp.at_ms < forgotten_at:
            if lane.user_id is None:
                self._forget_claim(lane, user_id, forgotten_at)
            return _FORGOTTEN
        known = batch.users.get(hashed)
        if known is not None and known.user_id != user_id:
            return Refused(INVALID_PAYLOAD, "user_id: Is taken for another user. Use another id.")
        if payload["verify"]:
            verdict = self._judge.check(user_id, token)
            if verdict.code is not None:
                return Parked(verdict.code, verdict.message)
        lost = self._associate(lane, hashed, user_id, stamp, is_verified=payload["verify"])
        lost |= set(self._write(lane, payload.get("profile") or {}, stamp))
        return Applied(tuple(sorted(lost)))

    def _associate(self, lane: LaneState, hashed: int, user_id: str, stamp: Stamp, *, is_verified: bool) -> set[str]:
        """Return the attributes of the session that lose to values its user already has."""
        batch = self.batch
        user = batch.users.setdefault(hashed, UserState(user_id, "identified", stamp.at_ms, stamp.at_ms))
        lost: set[str] = set()
        if lane.user_hash is None:
            lane.user_hash, lane.user_id = hashed, user_id
            lane.state, lane.identified_at = "identified", stamp.at_ms
            batch.owners[hashed].add(lane.session_id)
            batch.claimed[lane.session_id] = hashed
            rivals = self._rivals(lane)
            lost = {
                name
                for name, value in batch.unverified[lane.session_id].items()
                if any(_loses(value, values.get(name)) for values in rivals)
            }
        if is_verified and lane.state != "verified":
            lane.state, lane.verified_at, user.state = "verified", stamp.at_ms, "verified"
            for name, value in batch.unverified.pop(lane.session_id, {}).items():
                if value.beats(batch.verified[hashed].get(name)):
                    batch.verified[hashed][name] = value
                    lost.discard(name)
                else:
                    lost.add(name)
        batch.changed_lanes.add(lane.session_id)
        batch.reprofiled.add(hashed)
        return lost

    def _write(self, lane: LaneState, profile: Mapping[str, Any], stamp: Stamp) -> tuple[str, ...]:
        """Write attributes; return those that lost to a newer value."""
        batch, lost = self.batch, []
        is_verified = lane.state == "verified" and lane.user_hash is not None
        store = batch.verified[lane.user_hash or 0] if is_verified else batch.unverified[lane.session_id]
        rivals = [] if is_verified else self._rivals(lane)
        for name, given in profile.items():
            value = Value(
                to_text(given),
                stamp.at_ms,
                stamp.uncertain,
                lane.device,
                lane.session_id,
                stamp.entry_id,
                stamp.retried,
            )
            if not value.beats(store.get(name)):
                lost.append(name)
                continue
            store[name] = value
            if any(_loses(value, values.get(name)) for values in rivals):
                lost.append(name)
        if lane.user_hash is not None and profile:
            batch.reprofiled.add(lane.user_hash)
        return tuple(sorted(lost))

    def _rivals(self, lane: LaneState) -> list[Values]:
        """Return the values that the user of an unverified session has from elsewhere, where there are any."""
        if lane.user_hash is None:
            return []
        batch = self.batch
        elsewhere = [batch.verified[lane.user_hash]]
        elsewhere += [
            batch.unverified[other]
            for other in batch.owners[lane.user_hash]
            if other != lane.session_id and other in batch.unverified
        ]
        return [values for values in elsewhere if values]

    def _track(self, lane: LaneState, payload: Mapping[str, Any], stamp: Stamp) -> Outcome:
        self.batch.new_activity.append(
            {
                "property_id": self._property.id,
                "entry_id": stamp.entry_id,
                "session_id": lane.session_id,
                "device_id": lane.device,
                "seq": stamp.seq,
                "user_hash": lane.user_hash,
                "user_id": lane.user_id,
                "name": payload["name"],
                "properties": canonical.encode(payload["properties"]),
                **subject_of(payload["properties"]),
                "occurred_at": stamp.at_ms,
            }
        )
        return Applied()

    def _bookmark(self, lane: LaneState, payload: Mapping[str, Any], stamp: Stamp, *, saved: bool) -> Outcome:
        policy = self._property.bookmarking
        if policy == "disabled":
            return Refused(BOOKMARKING_DISABLED, "The property does not take bookmarks.")
        if policy == "verified_only" and lane.state != "verified":
            return Refused(VERIFICATION_REQUIRED, "The property takes bookmarks of verified users only.")
        if lane.user_hash is None:
            return Refused(IDENTIFICATION_REQUIRED, "A bookmark needs an identified user.")
        key = (lane.user_hash, payload["offer_id"])
        stored = self.batch.bookmarks.get(key)
        place = Value(None, stamp.at_ms, False, lane.device, lane.session_id, stamp.entry_id, stamp.retried)
        if stored is None or place.beats(
            Value(None, stored.occurred_at, False, stored.device_id, stored.session_id, stored.entry_id)
        ):
            self.batch.bookmarks[key] = Bookmark(
                payload["business_id"],
                canonical.encode(payload["location_ids"]),
                saved,
                stamp.at_ms,
                lane.device,
                lane.session_id,
                stamp.entry_id,
            )
        return Applied()

    def _redeem(self, lane: LaneState, payload: Mapping[str, Any], stamp: Stamp) -> Outcome:
        """
        Take a step on an offer.

        A time that is a lower bound lies in no window and no schedule that one
        could rely on: such a step counts as taken now, and so do those that
        follow it in its lane, unless they happened later.
        """
        book = self.batch.redemptions
        at_ms = self._now_ms if stamp.uncertain else stamp.at_ms
        if not stamp.retried:
            at_ms = max(at_ms, book.last_at_ms(lane.session_id))
        who = Redeemer(lane.session_id, lane.user_hash, lane.user_id)
        entitled = is_entitled(self._property.redemption_audience, lane.state)
        refusal = redeem(book, who, payload, stamp.entry_id, at_ms, is_entitled=entitled)
        return Applied() if refusal is None else Refused(refusal.code, refusal.message)

    def _forget(self, lane: LaneState, payload: Mapping[str, Any], stamp: Stamp) -> Outcome:
        """Erase the user when it is proven who asks; else what this session wrote."""
        target = payload["user_id"] if payload["user_id"] is not None else lane.user_id
        proven = target is not None and (
            (lane.state == "verified" and lane.user_id == target)
            or (payload["token"] is not None and self._judge.check(target, payload["token"]).ok)
        )
        if not proven and lane.user_id not in (None, target):
            return Refused(VERIFICATION_REQUIRED, "Only a verified user can be forgotten by another session.")
        at_ms = self._now_ms if stamp.uncertain else stamp.at_ms
        flush(self.batch)
        left: str | None = None
        if not proven or lane.user_id is None:
            left = erasure.erase_session(self._connection, self._property, lane.session_id, at_ms, self._now_ms)
        if proven and target is not None:
            erasure.erase_user(self._connection, self._property, target, at_ms, self._now_ms)
            left = target
        privacy.record(
            self._connection,
            self._property,
            privacy.ERASURE,
            privacy.THE_PERSON,
            self._now_ms,
            user_id=target if proven else lane.user_id,
        )
        self._reload(left)
        after = self.batch.lanes[lane.session_id]
        after.last_entry_at = max(after.last_entry_at or 0, at_ms)
        return Applied()

    def _forget_claim(self, lane: LaneState, user_id: str, forgotten_at: int) -> None:
        """Erase what a session wrote before a claim that came too late: it was that person's."""
        lane.forgotten_key = self.batch.tombstone_key(user_id)
        lane.forgotten_at = forgotten_at
        self.batch.changed_lanes.add(lane.session_id)
        flush(self.batch)
        erasure.erase_session(self._connection, self._property, lane.session_id, forgotten_at, self._now_ms)
        self._reload(None)

    def _reload(self, left: str | None) -> None:
        """Load the batch anew after an erasure; the user of what is left, if any, gets the profile that shows now."""
        touched = self.batch.touched
        if left is not None:
            touched = replace(touched, user_ids={*touched.user_ids, left})
        self.batch = Batch(self._connection, self._property.id, self._property.tombstone_secret, touched)
        if left is not None and user_hash(left) in self.batch.users:
            self.batch.reprofiled.add(user_hash(left))


def _loses(value: Value, rival: Value | None) -> bool:
    return rival is not None and rival.beats(value)


def subject_of(properties: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the offer and the business that an activity's properties name; None for what is no id of content."""
    named = {name: properties.get(name) for name in ("offer_id", "business_id")}
    return {
        name: value if isinstance(value, str) and len(value) <= _CONTENT_ID else None for name, value in named.items()
    }


_FORGOTTEN = Refused(FORGOTTEN, "It was written before the person asked to be forgotten.")
