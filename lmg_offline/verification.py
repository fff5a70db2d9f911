r"""
Verification keys and tokens: the proof that a user id comes from the customer's own server.

For servers. A key never belongs into an app: whoever holds it can speak for
every user of the property.

A key is base64 of `id;secret`. A token is base64 of `id;digest` (v1) or of
`id;timestamp;digest` (v2). The digest is HMAC-SHA256 under the secret, in
lower-case hex: in v1 of the user id; in v2 of what the key's `message` says:

    setting       signed
    user          the user id; the timestamp then proves nothing, anyone can change it
    user;ts       user id, semicolon, timestamp
    ts;user       timestamp, semicolon, user id
    user+ts       user id and timestamp, nothing between them
    ts+user       timestamp and user id, nothing between them
    ts\0user      timestamp, NUL, user id: the default

The default is the one form under which no two tokens sign the same text.
Under the others a server that signs ids people choose can be made to sign a
v1 token for "victim;1660000000000", whose digest is that of a v2 token of
"victim". A user id never holds NUL, so no v1 token signs what a v2 token of
the default does.

Source: public pages of the platform, "API overview" (v1) and the audience
guide (v2, whose text signs the user id alone). The choice of what v2 signs is ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .errors import ValidationError

DEFAULT_MESSAGE = r"ts\0user"
MESSAGES = ("user", "user;ts", "ts;user", "user+ts", "ts+user", DEFAULT_MESSAGE)

TOKEN_MALFORMED = "token_malformed"
TOKEN_UNKNOWN_KEY = "token_unknown_key"
TOKEN_REFUSED = "token_refused"
TOKEN_EXPIRED = "token_expired"

_MAX_KEY_ID = 256
_MAX_TOKEN = 4096
# Numbers below are seconds, the others milliseconds: 1e11 s is the year 5138, 1e11 ms is 1973.
_LEAST_MS = 10**11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_SEMICOLON = (
    "Must not contain a semicolon: signers written from the platform's documentation, its Node "
    "sample among them, cut the secret off there and make other tokens. Make a new key."
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    r"""
    The property's secret, with the id it is known by. The repr hides the secret.

    Attributes:
        id: Not empty, without a semicolon, up to 256 characters.

        secret: Not empty, without a semicolon.

        message: What a token with a timestamp signs, one of `MESSAGES`. The
            default may be given with a real NUL too; it is kept as text that
            any database takes.

    Raises:
        ValidationError: Naming `id`, `secret` or `message`.
    """

    id: str
    secret: str = field(repr=False)
    message: str = DEFAULT_MESSAGE

    def __post_init__(self) -> None:
        errors = {
            "id": _text_faults(self.id) or _id_faults(self.id),
            "secret": _text_faults(self.secret) or _secret_faults(self.secret),
        }
        if isinstance(self.message, str):
            object.__setattr__(self, "message", self.message.replace("\0", r"\0"))
        if self.message not in MESSAGES:
            errors["message"] = [f"Must be one of: {', '.join(MESSAGES)}."]
        found = {name: reasons for name, reasons in errors.items() if reasons}
        if found:
            raise ValidationError(found)

    @classmethod
    def parse(cls, text: str, *, message: str = DEFAULT_MESSAGE) -> VerificationKey:
        """
        Read a key as the property's settings show it.

        Args:
            text: Base64 of `id;secret`.

            message: What a token with a timestamp signs.

        Raises:
            ValidationError: Naming `key` when the text is no key, else as for the class.
        """
        decoded = _decoded(text) if isinstance(text, str) else None
        if decoded is None or ";" not in decoded:
            raise ValidationError({"key": ["Must be a verification key: base64 of `id;secret`."]})
        key_id, secret = decoded.split(";", 1)
        return cls(key_id, secret, message)

    def encode(self) -> str:
        """Return the key as the property's settings show it. This text is the secret."""
        return _encoded(f"{self.id};{self.secret}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What the check of one token found.

    Attributes:
        code: None when the token is good, else `token_malformed`,
            `token_unknown_key`, `token_refused` or `token_expired`.

        message: The same as a sentence, without the token or the user id.

        timestamp: When a token with a right signature says it was made, aware
            UTC; None for v1. Under the message `user` it proves nothing.
    """

    code: str | None
    message: str
    timestamp: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the token proves the user id."""
        return self.code is None


class KeyRing:
    """The keys a property accepts. Two at a time, with different ids, is how a key is replaced."""

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self._keys = tuple(keys)

    def check(
        self, user_id: str, token: object, *, now: datetime, max_age_s: int | None, leeway_s: int = 300
    ) -> Verdict:
        """
        Say whether a token proves a user id. Digests are compared in constant time.

        Args:
            user_id: The id that is claimed, compared code point by code point.

            token: What came with the claim. No value of it raises.

            now: The present, aware.

            max_age_s: How old a timestamped token may be; None lets it live for
                ever. A token without a timestamp (v1) does not expire.

            leeway_s: How far into the future a timestamp may lie, for clocks that differ.

        Raises:
            ValidationError: `user_id` is not a user id, or `now` is naive.
        """
        check_user_id(user_id)
        now_ms = _milliseconds(now, "now")
        parsed = _parse_token(token)
        if parsed is None:
            return Verdict(TOKEN_MALFORMED, "The token is not in one of the two formats.")
        key_id, written, digest = parsed
        candidates = [key for key in self._keys if key.id == key_id]
        if not candidates:
            return Verdict(TOKEN_UNKNOWN_KEY, "The token is signed with a key that the property does not have.")
        # Every candidate is compared: where the right one lies must not show in the time it takes.
        matches = [hmac.compare_digest(_digest(key, user_id, written), digest) for key in candidates]
        if not any(matches):
            return Verdict(TOKEN_REFUSED, "The signature is not right for this user id.")
        if written is None:
            return Verdict(None, "The token is good.")
        return _judge_age(_written_ms(written), now_ms, max_age_s, leeway_s)


def check_token(
    keys: Iterable[VerificationKey],
    user_id: str,
    token: object,
    *,
    now: datetime,
    max_age_s: int | None,
    leeway_s: int = 300,
) -> Verdict:
    """Say whether a token proves a user id under one of the keys. See `KeyRing.check`."""
    return KeyRing(keys).check(user_id, token, now=now, max_age_s=max_age_s, leeway_s=leeway_s)


def sign_user_id(key: VerificationKey | str, user_id: str, *, at: datetime | None = None) -> str:
    """
    Sign a user id, on the customer's own server.

    Args:
        key: The property's verification key, or its text.

        user_id: The id your own auth system uses. Any text but the empty one,
            without NUL and lone surrogates.

        at: When the token was made, aware: gives a token with a timestamp in
            milliseconds, which can expire. None gives one without, which can't.

    Returns:
        The verification token ("HMAC token") for `identify`.

    Raises:
        TypeError: Not a key. An SDK client in particular: apps must not sign.

        ValidationError: Naming `key`, `secret`, `user_id` or `at`.
    """
    if isinstance(key, str):
        key = VerificationKey.parse(key)
    if not isinstance(key, VerificationKey):
        raise TypeError(
            "sign_user_id takes a VerificationKey or its text, not "
            f"{type(key).__name__}: signing belongs on your own server, never in an app"
        )
    check_user_id(user_id)
    if at is None:
        return _encoded(f"{key.id};{_digest(key, user_id, None).decode()}")
    stamp = _milliseconds(at, "at")
    if stamp < _LEAST_MS:
        raise ValidationError({"at": ["Must not be before March 1973: it would be read as seconds."]})
    written = str(stamp)
    return _encoded(f"{key.id};{written};{_digest(key, user_id, written).decode()}")


def check_user_id(user_id: object) -> None:
    """
    Refuse what can't be a user id.

    Raises:
        ValidationError: `user_id` is not text, is empty, or holds NUL or a lone surrogate.
    """
    faults = _text_faults(user_id)
    if faults:
        raise ValidationError({"user_id": faults})


def _text_faults(text: object) -> list[str]:
    if not isinstance(text, str):
        return ["Must be text."]
    if not text:
        return ["Must not be empty."]
    if "\0" in text:
        return ["Must not contain NUL."]
    try:
        text.encode()
    except UnicodeEncodeError:
        return ["Must not contain lone surrogates."]
    return []


def _id_faults(key_id: str) -> list[str]:
    if ";" in key_id:
        return ["Must not contain a semicolon: it separates the parts of a key."]
    return [f"Must not be longer than {_MAX_KEY_ID} characters."] if len(key_id) > _MAX_KEY_ID else []


def _secret_faults(secret: str) -> list[str]:
    if ";" not in secret:
        return []
    return [_SEMICOLON]


def _digest(key: VerificationKey, user_id: str, written: str | None) -> bytes:
    """Return the hex digest of a v1 token, or of a v2 one with the timestamp as it is written in it."""
    texts = {
        "user;ts": f"{user_id};{written}",
        "ts;user": f"{written};{user_id}",
        "user+ts": f"{user_id}{written}",
        "ts+user": f"{written}{user_id}",
        DEFAULT_MESSAGE: f"{written}\0{user_id}",
    }
    signed = user_id if written is None else texts.get(key.message, user_id)
    return hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).hexdigest().encode()


def _parse_token(token: object) -> tuple[str, str | None, bytes] | None:
    if not isinstance(token, str) or len(token) > _MAX_TOKEN:
        return None
    parts = (_decoded(token) or "").split(";")
    if len(parts) not in (2, 3) or not parts[0] or not _DIGEST.fullmatch(parts[-1]):
        return None
    written = parts[1] if len(parts) == 3 else None
    if written is not None and not (_TIMESTAMP.fullmatch(written) and _written_ms(written) <= _LAST_MS):
        return None
    return parts[0], written, parts[-1].encode()


def _written_ms(written: str) -> int:
    number = int(written)
    return number * 1000 if number < _LEAST_MS else number


def _judge_age(made_ms: int, now_ms: int, max_age_s: int | None, leeway_s: int) -> Verdict:
    made_at = _EPOCH + timedelta(milliseconds=made_ms)
    if made_ms > now_ms + leeway_s * 1000:
        return Verdict(TOKEN_REFUSED, "The token's timestamp lies in the future.", made_at)
    if max_age_s is not None and now_ms - made_ms > max_age_s * 1000:
        return Verdict(TOKEN_EXPIRED, "The token is older than the property allows.", made_at)
    return Verdict(None, "The token is good.", made_at)


def _milliseconds(at: object, name: str) -> int:
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValidationError({name: ["Must be a datetime with a time zone, such as datetime.now(UTC)."]})
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str | None:
    """Return what is inside standard, padded base64; None for anything that base64 would not have written."""
    try:
        raw = base64.b64decode(text, validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == text else None
    except ValueError:
        return None
