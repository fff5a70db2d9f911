"""Checks of the arguments that reads share."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ..errors import ValidationError

MAX_ID = 128
MAX_LIMIT = 200
MAX_TEXT = 512
MAX_TEXTS = 500
MAX_TIMEOUT_S = 86_400.0
TIMEOUT_S = 10.0
CENTURY_S = 100 * 365 * 86_400


def check_id(name: str, value: object) -> str:
    """Return the id. Raises ValidationError naming the argument."""
    return check_text(name, value, MAX_ID)


def check_text(name: str, value: object, longest: int = MAX_TEXT) -> str:
    """Return a text of 1 to `longest` characters that every database takes."""
    # A class of the app's own may say anything of its text: the text itself is what is looked at, and returned.
    text = str.__str__(value) if issubclass(type(value), str) else ""
    if not 1 <= len(text) <= longest:
        raise ValidationError({name: [f"Give a text of 1 to {longest} characters."]})
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError({name: ["NUL and lone surrogates are not text."]})
    return text


def check_texts(name: str, values: object) -> list[str]:
    """Return a list of at most 500 texts."""
    try:
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError
        found = list(islice(values, MAX_TEXTS + 1))
    except Exception:  # whatever a list of the app's own raises
        raise ValidationError({name: ["Give a list of texts."]}) from None
    if len(found) > MAX_TEXTS:
        raise ValidationError({name: [f"Give at most {MAX_TEXTS} texts."]})
    return [check_text(f"{name}.{number}", value, MAX_ID) for number, value in enumerate(found)]


def check_limit(limit: object) -> int:
    """Return the page size, 1 to 200."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise ValidationError({"limit": [f"Give a whole number from 1 to {MAX_LIMIT}."]})
    return limit


def check_timeout(timeout: object) -> float:
    """
    Return the timeout in seconds, from 0 to a day.

    Source: our choice; the waits of the standard library overflow at the far end.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= MAX_TIMEOUT_S:
        raise ValidationError({"timeout": [f"Give seconds, from 0 to {MAX_TIMEOUT_S:.0f}."]})
    return float(timeout)


def check_wait(timeout: object) -> float:
    """Return how long to wait for something that may take any time, in seconds; a century is for ever."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout != timeout:
        raise ValidationError({"timeout": ["Give seconds."]})
    return float(min(timeout, CENTURY_S))


def without_nulls(variables: dict[str, object]) -> dict[str, object]:
    """Drop variables that are None, as the real SDKs do."""
    return {name: value for name, value in variables.items() if value is not None}
