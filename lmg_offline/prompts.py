"""Asking a person for an argument of a redemption, and waiting for the answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from ._core.redemption import checked, prompt_for
from ._support.observers import Observers
from .errors import RedemptionArgument
from .redemption import Prompt, PromptKind, TransitionArg

PRESENCE_POLL_S = 0.5


class Cancelled(Exception):
    """A person cancelled a prompt. The controller turns it into `on_cancelled`."""


class PromptResolver:
    """
    Takes the answer to a prompt, from any thread. Only the first call counts.

    The call of `redeem` waits until there is one, the session is another, or the
    client is closed: cancel when the question goes away.
    """

    def __init__(self, name: str, answer: Future[object]) -> None:
        self._name = name
        self._answer = answer

    def resolve(self, value: object = True) -> None:
        """Answer. For a prompt of kind `confirm`, False is the same as `cancel`."""
        try:
            self._answer.set_result(value)
        except InvalidStateError:
            pass  # answered before

    def cancel(self) -> None:
        """Give the redemption up; nothing is written."""
        try:
            self._answer.set_exception(Cancelled())
        except InvalidStateError:
            pass  # answered before

    def __repr__(self) -> str:
        return f"<PromptResolver of {self._name}, {'answered' if self._answer.done() else 'open'}>"


class Prompts:
    """Who asks the person, for one controller."""

    def __init__(self) -> None:
        self._observers: Observers[[Prompt, PromptResolver]] = Observers("prompt_required")

    def add(self, callback: Callable[[Prompt, PromptResolver], object]) -> Callable[[], None]:
        """Let `callback` ask from now on; return a function that ends it."""
        return self._observers.add(callback)

    def ask(self, arg: TransitionArg, check_present: Callable[[], None]) -> object:
        """
        Return the person's answer, as the argument wants it.

        Args:
            check_present: Raises when there is nobody left to answer; what it
                raises ends the wait.

        Raises:
            Cancelled: The person wants none of it.

            RedemptionArgument: Nobody can ask, or the answer does not fit.
        """
        if not len(self._observers):
            raise RedemptionArgument(arg.name, "Nobody can ask for it: use on_prompt_required, or give it in args.")
        prompt, answer = prompt_for(arg), Future[object]()
        if not self._observers.tell(prompt, PromptResolver(arg.name, answer)) and not answer.done():
            raise RedemptionArgument(arg.name, "The callback that was to ask for it raised; see the log.")
        value = _wait(answer, check_present)
        if prompt.kind is PromptKind.CONFIRM and value is False:
            raise Cancelled
        return checked(arg, value)


def _wait(answer: Future[object], check_present: Callable[[], None]) -> object:
    while True:
        try:
            return answer.result(PRESENCE_POLL_S)
        except TimeoutError:
            check_present()
