"""Who is here: identify, profile writes, reset, forget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ._core.arguments import check_text
from ._core.identity import AudienceState
from .errors import ValidationError
from .protocol.canonical import check, fields_of, is_a, text_fault
from .protocol.profile import Gender, from_wire, to_json, to_wire
from .receipts import Identification, Receipt

if TYPE_CHECKING:
    from ._sync.session import Session
    from .protocol.profile import Profile


class User:
    """The current person on this device. Reached as `client.user`."""

    genders = Gender

    def __init__(self, session: Session, on_reset: Callable[[], None]) -> None:
        self._session = session
        self._on_reset = on_reset

    @property
    def id(self) -> str | None:
        """The user id the session belongs to; None while anonymous."""
        return self._session.current().user_id

    @property
    def session_id(self) -> str:
        """The anonymous identifier of the current session."""
        return self._session.current().session_id

    @property
    def state(self) -> AudienceState:
        """How sure we are of who it is. Never VERIFIED before the platform has accepted a token."""
        return AudienceState(self._session.current().state)

    @property
    def profile(self) -> Profile:
        """The profile as this device last knew it, own unsent writes included."""
        return from_wire(self._session.profile())

    def identify(
        self,
        user_id: str,
        options: str | Mapping[str, Any] | None = None,
        *,
        hmac: str | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> Identification:
        """
        Say who the user is, on disk, and return.

        When this returns, the session belongs to the user id and survives a
        crash; `state` is IDENTIFIED. It is sent before everything written after
        it. With another user id than the session's, it first does what
        `reset_session` does. It never waits for the network.

        Args:
            user_id: The id your own system uses; any Unicode text, compared
                code point by code point.

            options: The verification token, or `{"hmac": ..., "profile": ...}`.

            hmac: The verification token your server made for this user id.

            profile: Traits to write along with it.

        Returns:
            A receipt, and a future of the accepted `AudienceState`.

        Raises:
            ValidationError: An argument is not what the platform takes.

            JournalError: The journal could not be written.

            ClientClosed: `close()` was called before.

        Source: docs of the platform, "Identifying Users" and "Verifying Users".
        """
        token, traits = _options(options, hmac, profile)
        who = check_text("user_id", user_id, 1024)
        proof = None if token is None else check_text("hmac", token, 4096)
        wire = to_wire(traits) if traits is not None else None
        check({"user_id": who, "verify": proof is not None, "profile": wire or {}}, where="profile")
        identified = self._session.identify(who, proof, wire)
        if identified.renewed:
            self._on_reset()
        return self._session.identification(identified.written.text)

    def update(self, profile: Mapping[str, Any]) -> Receipt:
        """
        Write traits of the current user or anonymous session.

        A missing key leaves the value alone, None clears it. The values are
        copied; the write is on disk when this returns.

        Raises:
            ValidationError: A trait is not what the platform takes; the fields
                are named and nothing was written.

            JournalError: The journal could not be written.
        """
        return self._session.append("update", f'{{"profile":{to_json(profile)}}}')

    def reset_session(self) -> str:
        """
        Clear the person who leaves; return the new, anonymous session's id.

        What they wrote is still delivered, under their identity. Their profile,
        cached reads and search terms are gone from this device.
        """
        session_id = self._session.reset()
        self._on_reset()
        return session_id

    logout = reset_session

    def forget(self) -> Receipt:
        """
        Ask the platform to erase the current person, and drop what this device holds of them.

        Their queued writes are removed (the ledger names them as forgotten), the
        erasure is sent first, and a new anonymous session begins.
        """
        receipt = self._session.forget()
        self._on_reset()
        return receipt

    def __repr__(self) -> str:
        return "<User of a client>"


def _options(options: object, hmac: object, profile: object) -> tuple[object, object]:
    """Bring the three forms of identify to one (token, profile)."""
    if options is None:
        return hmac, profile
    if hmac is not None or profile is not None:
        raise ValidationError({"options": ["Give options or the keywords hmac and profile, not both."]})
    if is_a(options, str):
        return options, None
    given = fields_of(options, "options")
    unknown = [name for name in sorted(given) if name not in ("hmac", "profile")]
    if unknown:
        places = ("options" if text_fault(name) else f"options.{name}" for name in unknown)
        raise ValidationError({place: ["There is no such option."] for place in places})
    return given.get("hmac"), given.get("profile")
