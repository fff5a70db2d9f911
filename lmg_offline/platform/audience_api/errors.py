"""The errors of the Audience API that are not about its content, and the shape of all of them."""

from __future__ import annotations

from lmg_offline.platform.problems import AudienceError
from lmg_offline.protocol.replay import (
    MALFORMED,
    QUERY_INVALID,
    REDEMPTION_ARGS,
    REDEMPTION_AUTHENTICATION_REQUIRED,
    REDEMPTION_LOCATION,
    REDEMPTION_PIN,
    SESSION_EXPIRED,
    TOO_LARGE,
    WRITE_KEY_REFUSED,
)

# Of the codes of redemption, those that are about who asks; the others are about the offer's state.
_FORBIDDEN = frozenset({REDEMPTION_AUTHENTICATION_REQUIRED, REDEMPTION_LOCATION, REDEMPTION_PIN})


def body(error: AudienceError) -> dict[str, object]:
    """Return the JSON body that the real platform sends for an error."""
    return {
        "errors": [
            {
                "name": error.name,
                "message": error.message,
                "statusCode": error.status_code,
                "messageId": error.message_id,
            }
        ]
    }


def malformed(message: str) -> AudienceError:
    """Return the error for a request that is not what the protocol says."""
    return AudienceError("RequestError", message, 400, MALFORMED)


def query_invalid(message: str) -> AudienceError:
    """Return the error for a document that the schema does not allow."""
    return AudienceError("GraphQLError", message, 400, QUERY_INVALID)


def too_large(message: str) -> AudienceError:
    """Return the error for a body beyond the limit."""
    return AudienceError("RequestError", message, 413, TOO_LARGE)


def write_key_refused() -> AudienceError:
    """Return the error for a write key that is missing or not known."""
    return AudienceError(
        "AuthenticationError",
        "The integration write key is missing or not known.",
        401,
        WRITE_KEY_REFUSED,
    )


def session_required() -> AudienceError:
    """Return the error for a session token that is missing, not known, or has expired."""
    return AudienceError("AuthenticationError", "The session token is missing or has expired.", 401, SESSION_EXPIRED)


def refused(code: str, message: str) -> AudienceError:
    """Return the error for a write that the replay would refuse or park with this code."""
    name, status = "ForbiddenError", 403
    if code == REDEMPTION_ARGS:
        name, status = "RequestError", 400
    elif code.startswith("redemption_") and code not in _FORBIDDEN:
        name, status = "ConflictError", 409
    return AudienceError(name, message, status, f"lmg-{code.replace('_', '-')}")
