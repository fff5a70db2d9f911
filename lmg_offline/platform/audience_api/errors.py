"""The shape in which the Audience API says no."""

from __future__ import annotations

from dataclasses import dataclass

from lmg_offline.protocol.replay import MALFORMED, SESSION_EXPIRED, TOO_LARGE, WRITE_KEY_REFUSED

QUERY_INVALID = "lmg-query-invalid"


@dataclass(frozen=True, slots=True)
class ApiError(Exception):
    """
    A request that is answered with an error.

    Attributes:
        status: The HTTP status.

        message_id: The platform's id of the error.

        message: A sentence for people; holds nothing of the request's values.

        name: What the real platform calls the class of the error.
    """

    status: int
    message_id: str
    message: str
    name: str = "RequestError"

    def __str__(self) -> str:
        return f"{self.message} ({self.message_id})"

    def body(self) -> dict[str, object]:
        """Return the JSON body."""
        return {
            "errors": [
                {
                    "name": self.name,
                    "message": self.message,
                    "statusCode": self.status,
                    "messageId": self.message_id,
                }
            ]
        }


def malformed(message: str) -> ApiError:
    """A request that is not what the protocol says."""
    return ApiError(400, MALFORMED, message)


def query_invalid(message: str) -> ApiError:
    """A document that the schema does not allow."""
    return ApiError(400, QUERY_INVALID, message, "GraphQLError")


def too_large(message: str) -> ApiError:
    """A body beyond the limit."""
    return ApiError(413, TOO_LARGE, message)


def write_key_refused() -> ApiError:
    """No write key, or one that is not known."""
    return ApiError(
        401, WRITE_KEY_REFUSED, "The integration write key is missing or not known.", "AuthenticationError"
    )


def session_required() -> ApiError:
    """No session token, or one that has expired."""
    return ApiError(401, SESSION_EXPIRED, "The session token is missing or has expired.", "AuthenticationError")
