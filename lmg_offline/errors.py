"""
Every error this package raises on purpose: one tree under `LMGError`.

A leaf is named for who can act. Attributes are data, `args` equal the
parameters (so errors pickle), and each message ends with the way out. No
message holds a profile value, a token or a user id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class LMGError(Exception):
    """Base of every error this package raises on purpose."""


class ValidationError(LMGError, ValueError):
    """
    The caller passed something the platform cannot take. Nothing was written.

    Attributes:
        errors: For each field at fault, its dotted name (`traits.age`) and the
            reasons, without the value.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors: dict[str, list[str]] = {name: list(reasons) for name, reasons in errors.items()}
        super().__init__(self.errors)

    @property
    def fields(self) -> list[str]:
        """The dotted names of the fields at fault, sorted."""
        return sorted(self.errors)

    def __str__(self) -> str:
        return "; ".join(f"{name}: {' '.join(self.errors[name])}" for name in self.fields)


class JournalError(LMGError):
    """The local journal could not be used. Base of the three ways that happens."""


class JournalFull(JournalError):
    """The journal has reached its bound, or the disk is full. Nothing was written."""


class JournalCorrupt(JournalError):
    """The journal's file is damaged or is not a journal. Nothing was changed."""


class JournalLocked(JournalError):
    """Another process holds the journal and did not let go in time."""


class JournalUnavailable(JournalError):
    """The journal's folder or file can't be read or written, or is newer than this package."""


class IdentifyRejected(LMGError):
    """
    The platform did not accept the verification token.

    Attributes:
        code: `token_refused`, `token_expired`, `token_unknown_key`,
            `token_malformed` or `token_missing`.

        reason: The platform's sentence.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"the platform did not accept the verification token ({self.code}): {self.reason}"


class VerificationRequired(LMGError):
    """The call needs a verified user: identify with a verification token first."""


class OfflineError(LMGError):
    """The platform could not be reached in time and nothing is cached. A later try can work."""


class RedemptionPending(OfflineError):
    """
    A redemption is on its way and not confirmed yet. It is delivered later, once; do not make another.

    Attributes:
        receipt_id: Its receipt, for `client.journal.receipt`; None while
            another call of `redeem` is still asking the person.
    """

    def __init__(self, receipt_id: str | None) -> None:
        super().__init__(receipt_id)
        self.receipt_id = receipt_id

    def __str__(self) -> str:
        if self.receipt_id is None:
            return "another call is redeeming this offer; wait for it"
        return f"the redemption is not confirmed yet; see the receipt {self.receipt_id} before you try again"


class RedemptionRefused(LMGError):
    """
    The offer was not redeemed.

    Attributes:
        reason: A value of `RedemptionReason`, or the code under which the
            platform refused the entry.

        message: One sentence: why, and what would change it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"the offer was not redeemed ({self.reason}): {self.message}"


class RedemptionArgument(LMGError, ValueError):
    """
    An argument of a redemption is missing, or not what the platform takes. Nothing was written.

    Attributes:
        name: The argument, by the platform's name.

        problem: One sentence, without the value.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"the redemption's argument {self.name}: {self.problem}"


class PlatformError(LMGError):
    """
    The platform understood and said no. The same request will not work.

    Attributes:
        status: The HTTP status, 400 to 599.

        message_id: The platform's id of the error, or None.

        hint: One sentence: what the caller can change.
    """

    def __init__(self, status: int, message_id: str | None, hint: str) -> None:
        super().__init__(status, message_id, hint)
        self.status = status
        self.message_id = message_id
        self.hint = hint

    def __str__(self) -> str:
        name = f", {self.message_id}" if self.message_id else ""
        return f"refused by the platform (HTTP {self.status}{name}); {self.hint}"


class ClientClosed(LMGError):
    """The client was closed. Open a new one."""
