"""
The writing side that the public namespaces share: check nothing, journal, wake the sync.

What only some calls need is loaded there: this is on the way of a new process to its first write.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .._core.identity import AudienceState
from .._journal.desk import Desk
from .._journal.journal import Identified, Journal
from .._journal.keys import LANE_SHIFT
from .._journal.records import LaneRow
from .._journal.redemptions import Redemptions
from .._support.forks import renew_in_child
from .._support.log import log
from ..errors import IdentifyRejected, JournalError, VerificationRequired
from ..protocol.canonical import encode
from ..receipts import FINAL_STATES, Identification, Receipt

if TYPE_CHECKING:
    from .._core.reads import LocalBookmark
    from .._core.redemption import SessionMark
    from .._journal.readcache import ReadCache
    from .runner import Runner
    from .thread import SyncThread

# A policy of the property, as the platform last said.
_ANY_IDENTIFIED = "enabled"


class Session:
    """Writes for the current session and follows what becomes of the writes."""

    def __init__(
        self,
        journal: Journal,
        desk: Desk,
        cache: ReadCache,
        runner: Callable[[], Runner] | None,
        thread: SyncThread | None,
        open_check: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._desk = desk
        self._cache = cache
        self._redemptions = Redemptions(journal)
        self._runner = runner
        self._thread = thread
        self._open_check = open_check
        self._pending: weakref.WeakSet[Identification] = weakref.WeakSet()
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        # _lock guards _pending, the identifications whose answer somebody may wait for.
        self._lock = threading.Lock()

    def current(self) -> LaneRow:
        """Return the current session's lane."""
        self._open_check()
        return self._journal.current()

    def profile(self) -> dict[str, object]:
        """Return the current flat profile."""
        self._open_check()
        return self._journal.profile()

    def append(self, kind: str, body: str) -> Receipt:
        """Journal one entry under the current session."""
        self._open_check()
        written = self._journal.append(kind, body)
        self._wake(is_urgent=False)
        return Receipt(self, written.text)

    def identify(self, user_id: str, token: str | None, profile: Mapping[str, object] | None) -> Identified:
        """Journal an identify."""
        self._open_check()
        identified = self._journal.identify(user_id, token, profile)
        self._wake()
        return identified

    def identification(self, receipt_id: str) -> Identification:
        """Return the future of a journaled identify."""
        found = Identification(self, receipt_id)
        with self._lock:
            self._pending.add(found)
        return found

    def bookmark(self, offer_id: str, business_id: str | None, location_ids: list[str], saved: bool) -> Receipt:
        """Journal a bookmark, visible here at once."""
        self._open_check()
        written = self._journal.bookmark(offer_id, business_id, location_ids, saved)
        self._wake(is_urgent=False)
        return Receipt(self, written.text)

    def mark(self) -> SessionMark:
        """Return whose session it is now."""
        from .._core.redemption import SessionMark

        lane = self.current()
        return SessionMark(lane.session_id, lane.user_id)

    def redeem(self, mark: SessionMark, payload: Mapping[str, object]) -> Receipt:
        """
        Journal one redemption, unless somebody else is here than when it was decided.

        Raises:
            RedemptionRefused: The session is not `mark`'s any more. Nothing was written.

            RedemptionPending: One of this offer is queued for this person. Nothing was written.
        """
        self._open_check()
        written = self._redemptions.write(mark.session_id, mark.user_id, str(payload["offer_id"]), encode(payload))
        if written is None:
            from .._core.redemption import refused
            from ..redemption import RedemptionReason

            raise refused(RedemptionReason.SESSION_CHANGED)
        if self._runner is not None:
            self._runner().hurry()  # somebody stands at the counter: no waiting out a pause between attempts
        self._wake()
        return Receipt(self, written.text)

    def unconfirmed(self, offer_id: str) -> Receipt | None:
        """Return the current person's queued redemption of the offer, or None."""
        self._open_check()
        queued = self._redemptions.queued(offer_id)
        return None if queued is None else Receipt(self, queued.text)

    def refusal(self, receipt_id: str) -> tuple[str, str] | None:
        """Return the code and sentence with which a write was refused, or None."""
        found = self._journal.store.read(
            "SELECT code, message FROM dead_letters WHERE position = ? AND id = ?", self._desk.place(receipt_id)
        )
        return (found[0][0], found[0][1]) if found else None

    def reset(self) -> str:
        """End the session; return the new one's id."""
        self._open_check()
        session_id = self._journal.reset()
        self._wake()
        return session_id

    def forget(self) -> Receipt:
        """Journal an erasure and end the session."""
        self._open_check()
        written, _ = self._journal.forget()
        self._wake()
        return Receipt(self, written.text)

    def require_verified(self) -> None:
        """
        Raise unless the current person may keep bookmarks.

        A token that waits for its answer is enough: the entry is journaled
        behind the identify and never applied if that is refused.

        Raises:
            VerificationRequired: Nobody is identified, or nobody gave a token
                and the property wants verified users.
        """
        lane = self.current()
        policy = self._runner().view().bookmarking if self._runner is not None else "verified_only"
        if lane.user_id is None:
            raise VerificationRequired("bookmarks need an identified user: call user.identify first")
        if policy == _ANY_IDENTIFIED or lane.state == AudienceState.VERIFIED.value:
            return
        if not self._journal.has_token(lane.user_id):
            raise VerificationRequired("bookmarks need a verified user: identify with a verification token first")

    def bookmarks(self) -> list[LocalBookmark]:
        """Return the current person's bookmarks that no list of the platform has confirmed."""
        from .._core.reads import LocalBookmark

        return [
            LocalBookmark(row.offer_id, row.business_id, row.location_ids, row.saved) for row in self._cache.bookmarks()
        ]

    def recent_terms(self) -> list[str]:
        """Return the current person's recent search terms, newest first."""
        self._open_check()
        return self._cache.recent_terms()

    def save_term(self, term: str) -> None:
        """Keep a search term of the current person."""
        self._open_check()
        self._cache.save_term(term)

    def receipt_state(self, receipt_id: str) -> str:
        """Return the state of one write."""
        state = self._desk.receipt(receipt_id)
        if state == "journaled" and self._runner is not None:
            position, _ = self._desk.place(receipt_id)
            if self._runner().was_sent(position):
                return "sent"
        return state

    def wait_for_change(self, timeout_s: float) -> bool:
        """
        Wait until something was recorded here, or the time is up.

        Returns:
            False, at once, in a callback on the sync thread: what it waits for could never come.
        """
        if self._thread is not None:
            if self._thread.is_current:
                return False
            self._thread.start()  # if it has died
        store = self._journal.store
        store.wait_for_write(store.writes, timeout_s)
        return True

    def identify_answer(self, receipt_id: str) -> AudienceState | IdentifyRejected | None:
        """Return what became of an identify; None while it has no answer."""
        receipt = self._desk.receipt(receipt_id)  # before the lane: its state is then at least as new
        position, _ = self._desk.place(receipt_id)
        parked = self._journal.store.read(
            "SELECT state, parked_code, parked_message, acked_position FROM lanes WHERE lane_id = ?",
            (position >> LANE_SHIFT,),
        )
        if not parked:
            return IdentifyRejected(receipt, "the journal was damaged, and nothing of this session could be recovered")
        state, code, message, acked = parked[0]
        if code is not None and position > acked:
            return IdentifyRejected(code, message or "")
        if receipt == "acknowledged":
            return AudienceState(state)
        if receipt == "refused":
            found = self._journal.store.read("SELECT code, message FROM dead_letters WHERE position = ?", (position,))
            return IdentifyRejected(*found[0]) if found else None
        if receipt in FINAL_STATES:
            return IdentifyRejected(receipt, "the identify was given up before it was sent")
        return None

    def settle(self) -> None:
        """Called by the sync thread after each round: answer the futures that can be answered."""
        with self._lock:
            pending = list(self._pending)
        for future in pending:
            try:
                is_settled = future.settle()
            except JournalError:
                raise
            except BaseException as error:  # of an app's callback, after the answer was given: the others get theirs
                log.error("callback raised", extra={"event": "identification", "error": type(error).__name__})
                is_settled = True
            if is_settled:
                with self._lock:
                    self._pending.discard(future)

    def _wake(self, *, is_urgent: bool = True) -> None:
        if self._thread is not None:
            self._thread.wake(is_urgent=is_urgent)
