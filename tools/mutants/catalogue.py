"""The bugs: what each does, where it is planted, and the tests that are to notice it."""

from __future__ import annotations

from dataclasses import dataclass

_SYNC = ("tests/sync/test_runner.py",)
_BOUNDS = ("tests/journal/test_bounds.py",)
_LANES = ("tests/platform/test_replay_lanes.py",)
_PEOPLE = ("tests/platform/test_replay_people.py",)


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    One bug.

    Attributes:
        name: As `--only` takes it.

        does: What the product does with it, in a few words.

        file: Where it is planted, from the root of the project.

        old: The text that it takes the place of; must be there exactly once.

        new: What stands there then.

        tests: What to run, in this order, until one fails.
    """

    name: str
    does: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_ALL_HANDLED = (
    "parts.outbox.record([LaneResult(each.lane.lane_id, each.entries[-1].position, each.entries[-1].id,"
    " each.lane.state, None) for each in batches if each.entries], now_ms=parts.clock.wall_ms())"
)
_EXCHANGE = "        outcome = parts.transport.replay(body, meanwhile=partial(parts.outbox.get_ready, batches))\n"
_MATCH = "            case Retry() | Split() | Suspend():\n"

MUTANTS = (
    Mutant(
        "acknowledge-before-reply",
        "the SDK deletes entries once they are sent, whatever comes back",
        "lmg_offline/_sync/replay.py",
        _EXCHANGE,
        f"{_EXCHANGE}        {_ALL_HANDLED}\n",
        _SYNC,
    ),
    Mutant(
        "reply-before-commit",
        "the platform acknowledges what its database then fails to commit",
        "lmg_offline/platform/store/engine.py",
        "        with connection.begin():\n            yield connection\n",
        "        transaction = connection.begin()\n        yield connection\n"
        "        try:\n            transaction.commit()\n        except Exception:\n            pass\n",
        _LANES,
    ),
    Mutant(
        "no-after-check",
        "the platform applies a batch without looking at the pair it follows",
        "lmg_offline/platform/lanes.py",
        "    if kept == after:\n",
        "    if kept.seq >= after.seq:\n",
        _LANES,
    ),
    Mutant(
        "session-of-the-moment",
        "an entry is sent under the session that is current when it is sent",
        "lmg_offline/_journal/outbox.py",
        'lane = LaneRow(*rows(connection, f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = ?", (lane_id,))[0])\n'
        "        if not lane.is_intact():\n"
        "            raise JournalCorrupt(DAMAGED)\n"
        "        token = None\n",
        'columns = LANE_COLUMNS.replace(" session_id,", " (SELECT session_id FROM lanes WHERE lane_id ='
        ' (SELECT current_lane FROM device)),")\n'
        '        lane = LaneRow(*rows(connection, f"SELECT {columns} FROM lanes WHERE lane_id = ?", (lane_id,))[0])\n'
        "        token = None\n",
        _SYNC,
    ),
    Mutant(
        "drop-on-400",
        "a batch that is called malformed is dropped",
        "lmg_offline/_sync/replay.py",
        "            case Split(malformed=malformed) if ",
        f"            case Split(malformed=True):\n                {_ALL_HANDLED}\n"
        "                parts.progress.ended(Done(), reached=True)\n"
        "            case Split(malformed=malformed) if ",
        _SYNC,
    ),
    Mutant(
        "set-aside-unasked",
        "one 400 or 413 is enough to set an entry aside",
        "lmg_offline/_sync/replay.py",
        "        if not isinstance(again, Split):\n",
        "        if not isinstance(outcome, Split):\n",
        _SYNC,
    ),
    Mutant(
        "number-used-again",
        "after a drain a lane's numbers begin anew",
        "lmg_offline/_journal/entries.py",
        '"SELECT max(l.last_position, coalesce(',
        '"SELECT max(l.lane_id << 32, coalesce(',
        _SYNC,
    ),
    Mutant(
        "any-200-acknowledges",
        "a captive portal's page counts as an acknowledgement",
        "lmg_offline/_sync/replay.py",
        _MATCH,
        '            case Retry(reason=reason) if "in its place" in reason:\n'
        f"                {_ALL_HANDLED}\n                parts.progress.ended(Done(), reached=True)\n{_MATCH}",
        _SYNC,
    ),
    Mutant(
        "gives-up-offline",
        "an entry that met no network ten times is set aside",
        "lmg_offline/_sync/replay.py",
        _MATCH,
        "            case Retry() if parts.progress.state.failures >= 10 and batches[0].entries:\n"
        '                parts.outcomes.set_aside(batches[0].entries[0], "unreachable", "tried too often")\n'
        f"                parts.progress.ended(outcome, reached=False)\n{_MATCH}",
        _SYNC,
    ),
    Mutant(
        "token-of-the-moment",
        "a lane is sent with the token of the person who is here now",
        "lmg_offline/_journal/outbox.py",
        'token = scalar(connection, "SELECT token FROM tokens WHERE user_id = ?", (lane.user_id,))\n'
        "        if token is None and found",
        'token = scalar(connection, "SELECT token FROM tokens WHERE user_id ='
        ' (SELECT user_id FROM lanes WHERE lane_id = (SELECT current_lane FROM device))")\n'
        "        if token is None and found",
        _SYNC,
    ),
    Mutant(
        "newer-token-thrown-away",
        "the refusal of an old token throws away the one that came meanwhile",
        "lmg_offline/_journal/outbox.py",
        '"DELETE FROM tokens WHERE user_id = ? AND token = ?", (lane.user_id, result.sent_token)',
        '"DELETE FROM tokens WHERE user_id = ?", (lane.user_id,)',
        _SYNC,
    ),
    Mutant(
        "reset-drops-the-queue",
        "what a person wrote is deleted when they leave",
        "lmg_offline/_journal/journal.py",
        '        connection.exec_driver_sql("DELETE FROM search_terms")\n',
        '        connection.exec_driver_sql("DELETE FROM search_terms")\n'
        '        connection.exec_driver_sql("DELETE FROM entries WHERE position >> 32 = ?", (lane.lane_id,))\n',
        _SYNC,
    ),
    Mutant(
        "session-passed-on",
        "the next person to identify gets the session of the one before",
        "lmg_offline/_journal/journal.py",
        "            if step is Step.RENEW:\n",
        "            if step is None:\n",
        _SYNC,
    ),
    Mutant(
        "verified-unchecked",
        "a user with a token is verified before the platform has seen it",
        "lmg_offline/_journal/journal.py",
        "(user_id, state.value, written.position, lane.lane_id)",
        '(user_id, "verified" if token else state.value, written.position, lane.lane_id)',
        _SYNC,
    ),
    Mutant(
        "parked-lane-is-sent",
        "a lane whose token was refused is sent again and again",
        "lmg_offline/_journal/ahead.py",
        "WHERE l.drained = 0 AND l.parked_at IS NULL AND",
        "WHERE l.drained = 0 AND",
        _SYNC,
    ),
    Mutant(
        "merged-across",
        "profile writes are merged across what was done between them",
        "lmg_offline/_journal/merging.py",
        "((entry, _profile_write(entry)) for entry in found)",
        '((entry, _profile_write(entry)) for entry in found if entry.kind == "update")',
        _BOUNDS,
    ),
    Mutant(
        "merged-on-the-wire",
        "profile writes that may have been sent are merged",
        "lmg_offline/_journal/merging.py",
        "max(l.lane_id << 32, l.sent_position + 1, ?)",
        "max(l.lane_id << 32, ?)",
        _BOUNDS,
    ),
    Mutant(
        "superseded-unnamed",
        "merged writes are not in the ledger",
        "lmg_offline/_journal/merging.py",
        "        _name(connection, first, last, at)\n",
        "",
        _BOUNDS,
    ),
    Mutant(
        "refused-not-counted",
        "what others wrote and the platform refused is not counted towards the bound",
        "lmg_offline/_journal/bounds.py",
        '" + (SELECT count(*) FROM dead_letters WHERE position > ?)"',
        '" + 0 * (SELECT count(*) FROM dead_letters WHERE position > ?)"',
        _BOUNDS,
    ),
    Mutant(
        "lost-session-is-nobodys",
        "a session of the LMG dialect that was lost is opened anew and not identified again",
        "lmg_offline/_core/lmg.py",
        'if view.was_claimed and _RANK[view.claim] < wanted and view.head != "identify":',
        "if _RANK[view.claim] > wanted:",
        ("tests/sync/test_lmg.py",),
    ),
    Mutant(
        "retry-after-ignored",
        "the platform's Retry-After is not waited for",
        "lmg_offline/_core/schedule.py",
        "floor_s = 0.0 if floor is None else now_s + min(max(floor, 0.0), LONGEST_FLOOR_S)",
        "floor_s = 0.0",
        ("tests/core/test_schedule.py",),
    ),
    Mutant(
        "redirects-followed",
        "a redirect is followed, with the write key",
        "lmg_offline/_transport/http.py",
        "            redirect=False,\n            retries=False,\n",
        "            redirect=True,\n            retries=3,\n",
        ("tests/transport/test_http.py",),
    ),
    Mutant(
        "digest-unchecked",
        "an entry whose bytes have changed on the disk is sent",
        "lmg_offline/_journal/records.py",
        "return digest == digest_of(position, entry_id, kind, (at, boot_id, since_boot_ms), body)",
        "return True",
        _SYNC,
    ),
    Mutant(
        "departed-stay-on-disk",
        "deleted rows keep their bytes in the file",
        "lmg_offline/_journal/engine.py",
        '"PRAGMA secure_delete=ON"',
        '"PRAGMA secure_delete=OFF"',
        ("tests/journal/test_journal.py", *_SYNC),
    ),
    Mutant(
        "log-keeps-the-departed",
        "the write-ahead log is not emptied after a drain",
        "lmg_offline/_sync/outcomes.py",
        "            self._journal.store.checkpoint()\n",
        "",
        _SYNC,
    ),
    Mutant(
        "applied-twice",
        "the platform applies an entry again when it comes under another number",
        "lmg_offline/platform/ingest.py",
        'if logged is not None and (logged.status == "applied" or _place(logged, entry.id) == place):',
        "if logged is not None and _place(logged, entry.id) == place:",
        _LANES,
    ),
    Mutant(
        "refusals-forgotten",
        "the platform does not remember what it refused",
        "lmg_offline/platform/ingest.py",
        "        self._log(lane, entry, stamp, outcome)\n        return outcome\n",
        "        if isinstance(outcome, Applied):\n            self._log(lane, entry, stamp, outcome)\n"
        "        return outcome\n",
        _LANES,
    ),
    Mutant(
        "older-write-wins",
        "on the platform the value that arrives last wins, however old",
        "lmg_offline/platform/profiles.py",
        "return mine > theirs if mine != theirs else not self.retried",
        "return mine != theirs or not self.retried",
        _PEOPLE,
    ),
    Mutant(
        "unverified-overwrites",
        "what an unverified session says hides what a verified one said",
        "lmg_offline/platform/profiles.py",
        "    found |= {name: Effective(value, True) for name, value in verified.items()}\n",
        "    found = {name: Effective(value, True) for name, value in verified.items()} | found\n",
        _PEOPLE,
    ),
    Mutant(
        "token-unchecked",
        "the platform verifies a user whatever their token",
        "lmg_offline/platform/effects.py",
        "            if verdict.code is not None:\n                return Parked(",
        "            if verdict is None:\n                return Parked(",
        _PEOPLE,
    ),
    Mutant(
        "device-unproved",
        "whoever knows a device's id may speak for it",
        "lmg_offline/platform/ingest.py",
        "if bound is not None and not hmac.compare_digest(bound.secret_hash, hashed):",
        "if bound is not None and not hmac.compare_digest(hashed, hashed):",
        _LANES,
    ),
)
