"""The model of the identity machines: who is here, and what each call promised, whatever happens afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Promise:
    """One accepted write: under which session it was made, and who that session belonged to at that moment."""

    receipt: str
    kind: str
    session: str
    user: str | None
    mark: str

    @property
    def id(self) -> str:
        """The entry's id."""
        return self.receipt.split(".", 2)[2]


@dataclass
class Model:
    """
    What any journal has to agree with.

    Attributes:
        session: The current session; `user` is whose it is, or None.

        owners: Whose each session is, of all that there ever were.

        given_up: Receipts that a `forget` made void; what the platform had by then it had.
    """

    session: str
    user: str | None = None
    owners: dict[str, str | None] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.owners[self.session] = None

    def open(self, session: str) -> None:
        """Somebody left, or was never who they claimed to be: nobody is here, in a session that is new."""
        assert session not in self.owners
        self.session, self.user = session, None
        self.owners[session] = None

    def claim(self, user: str, session: str) -> None:
        """Somebody says who they are: in the session that is open if it is theirs or nobody's, else in a new one."""
        if self.user in (None, user):
            assert self.session == session
        else:
            self.open(session)
        self.user = self.owners[session] = user

    def write(self, kind: str, receipt: str, mark: str) -> None:
        """Something was written, now, here."""
        self.promises.append(Promise(receipt, kind, self.session, self.user, mark))

    def forget(self, unsettled: set[str]) -> None:
        """Everything of the person, or of the anonymous session, that is not settled is void."""
        for promise in self.promises:
            is_theirs = self.owners[promise.session] == self.user if self.user else promise.session == self.session
            if is_theirs and promise.receipt in unsettled:
                self.given_up.add(promise.receipt)

    def retry(self, receipt: str, again: str) -> None:
        """A dead letter goes to the end of its lane, whose person may have said by now who they are."""
        self.promises = [
            replace(each, receipt=again, user=self.owners[each.session]) if each.receipt == receipt else each
            for each in self.promises
        ]
