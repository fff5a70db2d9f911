"""What redeeming an offer is described with: frozen values with the fields of the platform's schema, in snake_case."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

DISPLAYS = ("default", "redeemed", "progress", "ready", "unknown")


class RedemptionReason(str, Enum):
    """
    Why an offer can't be redeemed now. The last two are said by this device, not by the platform.

    Source: the names are those of the real SDKs; how the platform writes them is
    not public, so case and separators do not matter.
    """

    NONE = "None"
    DISABLED = "Disabled"
    OFFER_USED = "OfferUsed"
    SOLD_OUT = "SoldOut"
    SOLD_OUT_PER_WINDOW = "SoldOutPerWindow"
    SOLD_OUT_PER_PROFILE = "SoldOutPerProfile"
    SOLD_OUT_PER_PROFILE_PER_WINDOW = "SoldOutPerProfilePerWindow"
    SCHEDULE = "Schedule"
    NOT_VISIBLE = "NotVisible"
    NOT_SUPPORTED = "NotSupported"
    AUTHENTICATION_REQUIRED = "AuthenticationRequired"
    FROZEN = "Frozen"
    LOCATION_PERMISSION = "LocationPermission"
    UNKNOWN = "Unknown"
    TRANSITION_NOT_ALLOWED = "TransitionNotAllowed"
    SESSION_CHANGED = "SessionChanged"

    @classmethod
    def of(cls, text: str | None) -> RedemptionReason:
        """
        Return the reason a text names: a status's, or the code of a refused entry, such as `redemption_sold_out`.

        UNKNOWN when this package does not know it, NONE for no text.
        """
        if text is None:
            return cls.NONE
        plain = fold(text).removeprefix("redemption")
        return next((reason for reason in cls if fold(reason.value) == plain), cls.UNKNOWN)


class PromptKind(str, Enum):
    """What a person is asked: to confirm, for a PIN, or for another argument."""

    CONFIRM = "confirm"
    PIN = "pin"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class TransitionArg:
    """
    What a transition wants to be told.

    Attributes:
        type: The platform's word for it, such as `boolean` or `string`.

        values: The only values it takes, as text; empty: any.

        min, max: Bounds of a number, or of the length of a text in characters.

        default: As text.
    """

    name: str
    desc: str = ""
    required: bool = False
    type: str = ""
    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One way on from a state, and the text of its button."""

    index: int
    target: str
    button_text: str
    args: tuple[TransitionArg, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferState:
    """
    Where an offer stands for one person at one place.

    Attributes:
        state: The platform's name of the state; opaque.

        expires_in_s: It ends so many seconds after it was asked for; None: never.

        transitions: What can be done now; empty: nothing.

        display: How to show it, the best first; see `display_status`.

        refresh_interval_s: Ask again after so many seconds.

        action_type, action_target: What a button beside it opens, such as a page.

        stale: It is what this device last heard, not what the platform says now.

        as_of: When the platform said so, aware UTC.

        offline: It may be redeemed out of reach: the redemption is journaled, and judged when it arrives.
    """

    state: str
    expires_in_s: int | None
    transitions: tuple[Transition, ...]
    display: tuple[str, ...]
    refresh_interval_s: int
    action_type: str | None = None
    action_target: str | None = None
    stale: bool = False
    as_of: datetime | None = field(default=None, compare=False)
    offline: bool = False

    @property
    def display_status(self) -> str:
        """`default`, `redeemed`, `progress`, `ready` or `unknown`: the first display value known here."""
        return next((known for shown in self.display if (known := shown.lower()) in DISPLAYS), "unknown")


@dataclass(frozen=True, slots=True)
class OfferLimit:
    """
    How often something may be redeemed, and was.

    Attributes:
        priority: Which of several limits to show.

        granularity: The window's length (`hour`, `day`, `week`, `month`); None: no window.

        resets_in_s: When the window begins anew; None: no window.
    """

    total: int
    used: int
    priority: int
    granularity: str | None = None
    resets_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class OfferLimits:
    """The limits of an offer: for this person, and over everybody; None where there is none."""

    per_profile: OfferLimit | None = None
    per_profile_per_window: OfferLimit | None = None
    overall: OfferLimit | None = None
    overall_per_window: OfferLimit | None = None


@dataclass(frozen=True, slots=True)
class OfferStatus:
    """Whether this person can redeem the offer at this place now, and if not, why."""

    redeemable: bool
    reason: RedemptionReason
    limits: OfferLimits


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    A question for the person.

    Attributes:
        kind: `confirm`, `pin` or `argument`.

        name: The argument asked for, by the platform's name.

        text: What to show.

        type, values, min, max, default: As in `TransitionArg`.
    """

    kind: PromptKind
    name: str
    text: str
    type: str = ""
    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    default: str | None = None


def fold(text: str) -> str:
    """Return a name without case and separators, for comparing."""
    return "".join(character for character in text.lower() if character.isalnum())
