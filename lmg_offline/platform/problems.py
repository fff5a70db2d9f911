"""What a resolver or endpoint raises when the caller's request can't be answered."""

from __future__ import annotations


class AudienceError(Exception):
    """
    An error of the Audience API, in the real platform's shape.

    Attributes:
        name: Kind of error, such as `NotFoundError`.

        status_code: The HTTP status.

        message_id: The stable id that clients branch on.

        retry_after_s: When to come again, in seconds; None where that is not said.
    """

    def __init__(
        self, name: str, message: str, status_code: int, message_id: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(name, message, status_code, message_id)
        self.name = name
        self.message = message
        self.status_code = status_code
        self.message_id = message_id
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message


def not_found(kind: str) -> AudienceError:
    """Return the error for a thing that is not there, or not shown."""
    return AudienceError("NotFoundError", f"There is no such {kind}.", 404, f"{kind}-not-found")
