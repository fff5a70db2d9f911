"""
What the sync does next for one lane in the LMG dialect. Pure.

One operation at a time: the lane's session first, then whose it is, then its
entries in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .identity import AudienceState

# At most so many events in one request to a collector, and so many bytes of their bodies.
MAX_EVENTS = 100
MAX_EVENT_BYTES = 256 * 1024


class Op(Enum):
    """One operation of the LMG dialect."""

    OPEN = "createSession"
    EXTEND = "extendSession"
    CLAIM_AGAIN = "identifySession, for a session that was lost and opened anew"
    IDENTIFY = "identifySession"
    UPDATE = "updateSessionTraits"
    BOOKMARK = "createOfferBookmark"
    UNBOOKMARK = "deleteOfferBookmark"
    REDEEM = "transitionOfferState"
    COLLECT = "events to the session's collector"
    FORGET = "the nearest to an erasure that there is"
    UNKNOWN = "a kind of entry that this version does not know"
    NOTHING = "nothing"


_BY_KIND = {
    "identify": Op.IDENTIFY,
    "update": Op.UPDATE,
    "track": Op.COLLECT,
    "bookmark": Op.BOOKMARK,
    "unbookmark": Op.UNBOOKMARK,
    "redeem": Op.REDEEM,
    "forget": Op.FORGET,
}
_RANK = {AudienceState.ANONYMOUS.value: 0, AudienceState.IDENTIFIED.value: 1, AudienceState.VERIFIED.value: 2}


@dataclass(frozen=True, slots=True)
class View:
    """
    Everything `next_op` may know of a lane.

    Attributes:
        claim: What the platform's session is identified as; None without a session.

        state: What the lane itself is: `anonymous`, `identified`, `verified`.

        was_claimed: The platform has taken an identify of this lane before.

        is_token_doubtful: A read found the session's token expired.

        is_token_old: The token is so old that the session is to be kept alive.

        head: Kind of the lane's first queued entry; None when nothing is queued.
    """

    claim: str | None
    state: str
    was_claimed: bool
    is_token_doubtful: bool
    is_token_old: bool
    head: str | None


def next_op(view: View) -> Op:
    """
    Return the one thing to do next for a lane.

    A lane whose session was lost is identified again before its next entry, so
    that nothing of a known person is sent as nobody's. Not before an identify
    of its own: that one says it better.

    Source: the public facts of the platform's SDKs, "restart = start and update the session's user".
    """
    if view.claim is None:
        return Op.OPEN
    if view.is_token_doubtful or view.is_token_old:
        return Op.EXTEND
    wanted = max(_RANK[view.state], _RANK[AudienceState.IDENTIFIED.value])
    if view.was_claimed and _RANK[view.claim] < wanted and view.head != "identify":
        return Op.CLAIM_AGAIN
    if view.head is None:
        return Op.NOTHING
    return _BY_KIND.get(view.head, Op.UNKNOWN)


class Redeem(Enum):
    """What to do with a redemption, where its offer stands now."""

    SEND = "not made yet"
    DONE = "made already, by a try whose answer was lost"
    OVERTAKEN = "the offer went on without it"


# A device can't know which punch fills a card: it asked for one of these and may find the other.
_CARD = ("progress", "ready")


def redeem(state: str, standing: str, *, before: str, target: str, tried_from: str | None) -> Redeem:
    """
    Decide on a redemption.

    Args:
        state: Where the offer stands.

        standing: The same as a text that differs when a transition was made since.

        before: The state it was decided on.

        target: The state it leads to.

        tried_from: `standing` before its first try; None when it was never sent.
    """
    if tried_from is not None and standing != tried_from:
        is_there = state == target or (state in _CARD and target in _CARD)
        return Redeem.DONE if is_there else Redeem.OVERTAKEN
    return Redeem.SEND if state == before else Redeem.OVERTAKEN


def event_run(kinds: list[str], sizes: list[int], most: int = MAX_EVENTS) -> int:
    """Return how many entries from the first on go to the collector in one request, at least 1."""
    count = size = 0
    for kind, bytes_ in zip(kinds, sizes, strict=True):
        size += bytes_
        if kind != "track" or count == most or (count and size > MAX_EVENT_BYTES):
            break
        count += 1
    return max(count, 1)


def refusal_code(message_id: str | None, status: int) -> str:
    """Return the code of a refused entry: the platform's id in our form, else the status."""
    if message_id is None:
        return f"http_{status}"
    return message_id.removeprefix("lmg-").replace("-", "_")[:64]


def token_code(message_id: str | None) -> str:
    """
    Return the code under which a lane is parked when its verification token is refused.

    Source: our platform's ids; the real platform's are not public, so any other is `token_refused`.
    """
    code = refusal_code(message_id, 0)
    return code if code.startswith("token_") else "token_refused"
