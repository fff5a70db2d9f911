"""Writes a batch back: what changed since it was loaded, one statement per table and kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Table

from lmg_offline.platform import comparable
from lmg_offline.platform.batch import Batch
from lmg_offline.platform.profiles import Effective, Values, effective
from lmg_offline.platform.store import sets, tables

Rows = dict[tuple[Any, ...], dict[str, Any]]


def flush(batch: Batch) -> None:
    """
    Write what changed in the batch, in its transaction. The batch is not to be used after it.

    Effective profiles of the users in `reprofiled` are computed anew.
    """
    _write_sessions(batch)
    _write_users(batch)
    _write_values(batch)
    _write_profiles(batch)
    _write_log(batch)
    _write_activity(batch)
    _write_redemptions(batch)
    _write_bookmarks(batch)
    sets.write(batch.connection, tables.platform_log, batch.events)


def _write_sessions(batch: Batch) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for session_id in sorted(batch.changed_lanes):
        lane = batch.lanes[session_id]
        row = lane.row(batch.property_id)
        (old if lane.session_id in batch.loaded.session_ids else new).append(row)
    sets.write(batch.connection, tables.sessions, new)
    sets.overwrite(batch.connection, tables.sessions, old)


def _write_users(batch: Batch) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for hashed, user in batch.users.items():
        if hashed in batch.seen_users:
            row = {
                "property_id": batch.property_id,
                "user_hash": hashed,
                "user_id": user.user_id,
                "state": user.state,
                "first_seen_at": user.first_seen_at,
                "last_seen_at": user.last_seen_at,
            }
            (old if hashed in batch.loaded.users else new).append(row)
    sets.write(batch.connection, tables.users, new)
    sets.overwrite(batch.connection, tables.users, old)


def _write_values(batch: Batch) -> None:
    _write_difference(
        batch,
        tables.session_values,
        _session_rows(batch, batch.loaded.unverified),
        _session_rows(batch, batch.unverified),
    )
    _write_difference(
        batch,
        tables.user_values,
        _user_rows(batch, batch.loaded.verified),
        _user_rows(batch, batch.verified),
    )


def _session_rows(batch: Batch, values: Mapping[str, Values]) -> Rows:
    return {
        (session_id, attribute): {
            "property_id": batch.property_id,
            "attribute": attribute,
            "value": value.value,
            "occurred_at": value.occurred_at,
            "uncertain": value.uncertain,
            "device_id": value.device_id,
            "session_id": session_id,
            "entry_id": value.entry_id,
        }
        for session_id, named in values.items()
        for attribute, value in named.items()
    }


def _user_rows(batch: Batch, values: Mapping[int, Values]) -> Rows:
    return {
        (hashed, attribute): {
            "property_id": batch.property_id,
            "user_hash": hashed,
            "user_id": batch.users[hashed].user_id,
            "attribute": attribute,
            "value": value.value,
            "occurred_at": value.occurred_at,
            "uncertain": value.uncertain,
            "device_id": value.device_id,
            "session_id": value.session_id,
            "entry_id": value.entry_id,
        }
        for hashed, named in values.items()
        for attribute, value in named.items()
    }


def _write_profiles(batch: Batch) -> None:
    """Compute the effective profiles of users and write what differs from the stored ones."""
    if not batch.reprofiled:
        return
    table = tables.profile_values
    stored: Rows = {(row["user_hash"], row["attribute"]): dict(row) for row in batch.stored_profiles()}
    wanted: Rows = {}
    for hashed in batch.reprofiled:
        unverified = [batch.unverified.get(session_id, {}) for session_id in sorted(batch.owners[hashed])]
        for attribute, each in effective(batch.verified.get(hashed, {}), unverified).items():
            wanted[hashed, attribute] = _profile_row(batch, hashed, attribute, each)
    _write_difference(batch, table, stored, wanted)
    _write_difference(batch, tables.profile_members, _member_rows(batch, stored), _member_rows(batch, wanted))


def _member_rows(batch: Batch, profiles: Rows) -> Rows:
    return {
        (hashed, attribute, member): {
            "property_id": batch.property_id,
            "attribute": attribute,
            "member": member,
            "user_hash": hashed,
        }
        for (hashed, attribute), row in profiles.items()
        for member in comparable.members_of(row["value"])
    }


def _profile_row(batch: Batch, hashed: int, attribute: str, each: Effective) -> dict[str, Any]:
    value = each.value
    word, number = comparable.columns_of(value.value or "")
    return {
        "property_id": batch.property_id,
        "user_hash": hashed,
        "user_id": batch.users[hashed].user_id,
        "attribute": attribute,
        "verified": each.verified,
        "word": word,
        "number": number,
        "value": value.value,
        "occurred_at": value.occurred_at,
        "device_id": value.device_id,
        "session_id": value.session_id,
        "entry_id": value.entry_id,
    }


def _write_log(batch: Batch) -> None:
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for entry_id, row in batch.new_log.items():
        (old if entry_id in batch.loaded.entry_ids else new).append(row)
    # First the rows that leave their number, so that another entry may have it.
    sets.overwrite(batch.connection, tables.entries, old)
    sets.write(batch.connection, tables.entries, new)
    sets.write(
        batch.connection,
        tables.entry_repeats,
        [
            {"property_id": batch.property_id, "session_id": session_id, "seq": seq, "entry_id": entry_id}
            for session_id, seq, entry_id in sorted(batch.new_repeats - batch.repeats)
        ],
    )


def _write_activity(batch: Batch) -> None:
    _claim(batch, batch.new_activity)
    # An activity may come by ways that don't know of each other, a replay and the collector, at the same instant too.
    sets.write(batch.connection, tables.activity, batch.new_activity, unless_there=True)
    _pass_on(batch, tables.activity)


def _write_redemptions(batch: Batch) -> None:
    _claim(batch, batch.redemptions.new)
    sets.write(batch.connection, tables.redemptions, batch.redemptions.new)
    _pass_on(batch, tables.redemptions)


def _claim(batch: Batch, rows: list[dict[str, Any]]) -> None:
    """Give the rows of this request that sessions made before they were identified to their users."""
    for row in rows:
        if row["user_hash"] is None and row["session_id"] in batch.claimed:
            hashed = batch.claimed[row["session_id"]]
            row["user_hash"], row["user_id"] = hashed, batch.users[hashed].user_id


def _pass_on(batch: Batch, table: Table) -> None:
    """Give the rows that sessions wrote before this request, and before they were identified, to their users."""
    owners = [
        (session_id, hashed, batch.users[hashed].user_id)
        for session_id, hashed in batch.claimed.items()
        if session_id in batch.loaded.session_ids
    ]
    sets.pass_on(batch.connection, table, batch.property_id, owners)


def _write_bookmarks(batch: Batch) -> None:
    def rows(bookmarks: Mapping[tuple[int, str], Any]) -> Rows:
        return {
            (hashed, offer_id): {
                "property_id": batch.property_id,
                "user_hash": hashed,
                "user_id": batch.users[hashed].user_id,
                "offer_id": offer_id,
                **asdict(bookmark),
            }
            for (hashed, offer_id), bookmark in bookmarks.items()
        }

    _write_difference(batch, tables.bookmarks, rows(batch.loaded.bookmarks), rows(batch.bookmarks))


def _write_difference(batch: Batch, table: Table, stored: Rows, wanted: Rows) -> None:
    sets.remove(batch.connection, table, [stored[key] for key in stored.keys() - wanted.keys()])
    sets.write(batch.connection, table, [row for key, row in wanted.items() if key not in stored])
    changed = [row for key, row in wanted.items() if key in stored and stored[key] != row]
    sets.overwrite(batch.connection, table, changed)
