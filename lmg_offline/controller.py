"""The redemption controller: one offer at one place, watched and redeemed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from ._core import content, documents
from ._core.arguments import TIMEOUT_S, check_timeout
from ._core.reads import ReadAnswer, ReadPort, ReadQuery
from ._core.redemption import RedemptionPort, SessionMark, choose, gather, refused
from ._support.forks import renew_in_child
from ._support.observers import Feed, Observers
from .errors import LMGError, OfflineError, RedemptionPending, RedemptionRefused, ValidationError
from .models import DevicePosition
from .prompts import Cancelled, PromptResolver, Prompts
from .protocol.canonical import check, fields_of
from .receipts import FINAL_STATES, Receipt
from .redemption import OfferState, OfferStatus, Prompt, RedemptionReason, Transition

Position = Callable[[], DevicePosition | None]

LOOKS = 2


class RedemptionController:
    """
    Shows where an offer stands for the current person, and redeems it.

    Made by `client.offer.get_redemption_controller`. Safe from any thread; it
    has none of its own, so callbacks run on the thread of the call that caused
    them. After `reset_session` it knows nothing until it is refreshed.

    Attributes:
        offer_id, business_id, location_id: What it was made for.
    """

    def __init__(
        self,
        reads: ReadPort,
        writes: RedemptionPort,
        offer_id: str,
        business_id: str,
        location_id: str,
        *,
        position: Position,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offer_id = offer_id
        self.business_id = business_id
        self.location_id = location_id
        self._reads = reads
        self._writes = writes
        self._position = position
        self._now_s = monotonic_s
        self._known: Feed[_Known] = Feed("state_changed")
        self._errors: Observers[[LMGError]] = Observers("error")
        self._cancelled: Observers[[]] = Observers("cancelled")
        self._prompts = Prompts()
        self._making = _Making()

    @property
    def state(self) -> OfferState | None:
        """The state as last heard for the current person; None when nothing is known."""
        known = self._current()
        return None if known is None else known.state

    @property
    def status(self) -> OfferStatus | None:
        """Whether it can be redeemed, and the limits; as `state`."""
        known = self._current()
        return None if known is None else known.status

    @property
    def needs_refresh(self) -> bool:
        """Nothing is known, or it is stale, has expired, or is older than the platform wants it shown."""
        known = self._current()
        if known is None or known.state.stale:
            return True
        age_s = self._now_s() - known.asked_at_s
        expires_in_s, interval_s = known.state.expires_in_s, known.state.refresh_interval_s
        return (expires_in_s is not None and age_s >= expires_in_s) or 0 < interval_s <= age_s

    @property
    def unconfirmed(self) -> Receipt | None:
        """
        The current person's redemption of this offer that has no answer yet, or None.

        Also one that an earlier process made: it is in the journal.
        """
        return self._writes.unconfirmed(self.offer_id)

    def on_state_changed(self, callback: Callable[[OfferState], object]) -> Callable[[], None]:
        """
        Call `callback` with the state: once at once, then whenever `state` or `status` has changed.

        When nothing is known yet, the first call is when something is. Returns a
        function that ends it.
        """
        self._current()
        return self._known.add(lambda known: callback(known.state))

    def on_error(self, callback: Callable[[LMGError], object]) -> Callable[[], None]:
        """
        Call `callback` with every error of `refresh` and `redeem`; return a function that ends it.

        With no such callback they are raised instead.
        """
        return self._errors.add(callback)

    def on_cancelled(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` when a person has cancelled a prompt; return a function that ends it."""
        return self._cancelled.add(callback)

    def on_prompt_required(self, callback: Callable[[Prompt, PromptResolver], object]) -> Callable[[], None]:
        """
        Call `callback` with a `Prompt` and a `PromptResolver` when a person must be asked.

        It may answer at once, or keep the resolver and return; `redeem` waits
        for the first answer, as long as the session lasts. Returns a function
        that ends it.
        """
        return self._prompts.add(callback)

    def refresh(self, timeout: float = TIMEOUT_S) -> OfferState | None:
        """
        Ask the platform for state and status; out of reach, show what was last heard, as `stale`.

        Returns:
            The state; None when `on_error` was told why there is none.

        Raises:
            OfflineError: Out of reach, and never heard before.

            IdentifyRejected: The identify this waited for was refused.

            PlatformError: The platform said no, or has no such offer.
        """
        deadline_s = self._now_s() + check_timeout(timeout)
        try:
            return self._look(deadline_s).state
        except LMGError as error:
            self._report(error)
            return None

    def redeem(
        self,
        transition_index: int | None = None,
        args: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Receipt | None:
        """
        Make a transition, once: ask the platform, ask the person, journal, and wait for the answer.

        Out of reach, an offer that allows it (`state.offline`) is redeemed from
        the state last heard; the platform enforces its limits when the entry arrives.

        When this returns a receipt, the redemption is on disk and delivered even
        if the process dies; it never takes effect twice, because it names the
        state and the count it was decided on. The arguments, a PIN among them,
        are in the journal until the platform has answered, and in a refused
        entry until that is discarded.

        Args:
            transition_index: `index` of one of `state.transitions`; default: the first.

            args: Arguments the app knows, by name. The device's position is
                filled in, and what else is required is asked for by
                `on_prompt_required`.

            timeout: For the platform, in seconds; the person's time is not counted.

        Returns:
            The receipt; None when nothing was written: it was cancelled, or
            `on_error` was told why not.

        Raises:
            ValidationError: An argument of this call is wrong.

        Without an `on_error` callback, also:

            OfflineError: Out of reach, and the offer does not allow that
                (`state.offline`). Nothing was written.

            RedemptionPending: Written, and not confirmed in time, as always
                when out of reach; or another one of this offer is on its way,
                and nothing was written.

            RedemptionRefused: The platform said no, before or after.

            RedemptionArgument: Something it requires is missing or wrong.

            IdentifyRejected, PlatformError, JournalError: As for reads and writes.
        """
        deadline_s = self._now_s() + check_timeout(timeout)
        given = _checked_call(transition_index, args)
        try:
            with self._alone():
                receipt, deadline_s = self._make(transition_index, given, deadline_s)
        except Cancelled:
            self._cancelled.tell()
            return None
        except LMGError as error:
            self._report(error)
            return None
        try:
            self._follow(receipt, deadline_s)
        except LMGError as error:
            self._report(error)
        return receipt

    def _make(self, index: int | None, given: Mapping[str, object], deadline_s: float) -> tuple[Receipt, float]:
        """Decide and journal; return the receipt and when the network's time is up."""
        mark, queued = self._writes.mark(), self.unconfirmed
        if queued is not None:
            raise RedemptionPending(queued.id)
        known = self._look(deadline_s)
        if known.mark != mark:
            raise refused(RedemptionReason.SESSION_CHANGED)
        if known.state.stale and not known.state.offline:
            raise OfflineError("redeeming needs the platform's word now; nothing was written, try again online")
        transition = choose(known.state, known.status, index)
        asked_at_s = self._now_s()
        client_args = self._answers(transition, given, mark)
        deadline_s += self._now_s() - asked_at_s
        limit = known.status.limits.per_profile
        payload = {
            "offer_id": self.offer_id,
            "business_id": self.business_id,
            "location_id": self.location_id,
            "current_state": known.state.state,
            "transition_index": transition.index,
            "target": transition.target,
            "used": None if limit is None else limit.used,
            "client_args": client_args,
        }
        check(payload, where="redemption")
        return self._writes.redeem(known.mark, payload), deadline_s

    def _follow(self, receipt: Receipt, deadline_s: float) -> None:
        """Wait for the answer and show what it has changed. Raises when there is none, or it is a no."""
        state = receipt.wait(max(0.0, deadline_s - self._now_s()))
        if state not in FINAL_STATES:
            raise RedemptionPending(receipt.id)
        try:
            self._look(deadline_s)
        except LMGError:
            # The redemption's own answer is what the caller wants; what is shown is merely known to be old now.
            self._age()
        if state != "acknowledged":
            given_up = (state, "it was given up on this device before the platform had it")
            raise RedemptionRefused(*(self._writes.refusal(receipt.id) or given_up))

    def _answers(self, transition: Transition, given: Mapping[str, object], mark: SessionMark) -> dict[str, object]:
        known, asked = gather(transition, given, self._position())
        if not asked:
            return known
        answers = {arg.name: self._prompts.ask(arg, lambda: self._check_present(mark)) for arg in asked}
        # Once more, for the position has grown older while the person was asked.
        return gather(transition, {**given, **answers}, self._position())[0]

    def _check_present(self, mark: SessionMark) -> None:
        """Raise when the person, or the client, is gone."""
        if self._writes.mark() != mark:
            raise refused(RedemptionReason.SESSION_CHANGED)

    def _look(self, deadline_s: float) -> _Known:
        """
        Hear from the platform, or from the cache, and show it.

        Whose session it is is looked at before and after: a session that has
        ended never comes back, so that what was heard in between was for its
        person. When it has, the one who is here now is asked for, once.
        """
        for _ in range(LOOKS):
            known = self._hear(deadline_s)
            if known is not None:
                return known
        raise refused(RedemptionReason.SESSION_CHANGED)

    def _hear(self, deadline_s: float) -> _Known | None:
        ticket, mark, asked_at_s = self._known.ticket(), self._writes.mark(), self._now_s()
        heard_state = self._fetch("offerState", documents.OFFER_STATE, deadline_s)
        heard_status = self._fetch("offerStatus", documents.OFFER_STATUS, deadline_s)
        state = content.parsed(heard_state.data, "offerState", content.offer_state)
        status = content.parsed(heard_status.data, "offerStatus", content.offer_status)
        if self._writes.mark() != mark:
            return None
        stale, as_of = heard_state.stale or heard_status.stale, _earlier(heard_state.as_of, heard_status.as_of)
        known = _Known(mark, replace(state, stale=stale, as_of=as_of), status, asked_at_s)
        self._known.publish(ticket, known)
        return known

    def _fetch(self, name: str, document: str, deadline_s: float) -> ReadAnswer:
        variables: dict[str, object] = {"offerId": self.offer_id, "locationId": self.location_id}
        query = ReadQuery(name, document, variables)
        if document == documents.OFFER_STATE:
            query = replace(query, ours=ReadQuery(name, documents.OFFER_STATE_WITH_OFFLINE, variables))
        return self._reads.fetch(query, timeout_s=max(0.0, deadline_s - self._now_s()))

    def _current(self) -> _Known | None:
        """Return what is known for the current person; another person's is forgotten."""
        known = self._known.value
        if known is None or known.mark == self._writes.mark():
            return known
        self._known.drop(known)
        return None

    def _age(self) -> None:
        """What is shown has been overtaken, and the new state could not be heard."""
        known = self._current()
        if known is not None:
            self._known.publish(self._known.ticket(), replace(known, state=replace(known.state, stale=True)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one call in at a time. Raises RedemptionPending for a second one, such as a double press."""
        if not self._making.lock.acquire(blocking=False):
            raise RedemptionPending(None)
        try:
            yield
        finally:
            self._making.lock.release()

    def _report(self, error: LMGError) -> None:
        """Tell the observers; raise when there is none."""
        if not len(self._errors):
            raise error
        self._errors.tell(error)

    def __repr__(self) -> str:
        return f"<RedemptionController of {self.offer_id} at {self.location_id}>"


class _Making:
    """Held by the call that asks and journals, the person's time to answer included. Never waited for."""

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: the call that held the lock is the parent's."""
        self.lock = Lock()


@dataclass(frozen=True, slots=True)
class _Known:
    """What was heard, for whom, and when it was asked for."""

    mark: SessionMark
    state: OfferState
    status: OfferStatus
    asked_at_s: float = field(compare=False)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)


def _checked_call(index: object, args: object) -> dict[str, object]:
    """Check what `redeem` was called with; return a copy of the arguments."""
    if index is not None and (isinstance(index, bool) or not isinstance(index, int)):
        raise ValidationError({"transition_index": ["Give the index of a transition, a whole number."]})
    if args is None:
        return {}
    return fields_of(check(fields_of(args, "args"), where="args"), "args")
