"""The redemption controller, awaited."""

from __future__ import annotations

from collections.abc import Callable

from ..controller import RedemptionController
from ..redemption import OfferState, OfferStatus
from .receipts import AsyncReceipt
from .run import Later, Run


class AsyncRedemptionController:
    """
    As `RedemptionController`. Callbacks run on the loop, and may be coroutine functions.

    Attributes:
        offer_id, business_id, location_id: What it was made for.
    """

    def __init__(self, controller: RedemptionController, run: Run) -> None:
        self._controller = controller
        self._run = run
        self.offer_id = controller.offer_id
        self.business_id = controller.business_id
        self.location_id = controller.location_id
        self.refresh = run.slow(controller.refresh)
        self.redeem = run.mapped(
            controller.redeem, run.slowly, lambda found: None if found is None else AsyncReceipt(found, run)
        )
        self.on_error = run.hopping(controller.on_error)
        self.on_cancelled = run.hopping(controller.on_cancelled)
        self.on_prompt_required = run.hopping(controller.on_prompt_required)

    async def on_state_changed(self, callback: Callable[[OfferState], object]) -> Callable[[], None]:
        """As `RedemptionController.on_state_changed`; awaited, because it looks whose session it is."""
        return await self._run.quickly(self._controller.on_state_changed, self._run.hop(callback))

    @property
    def state(self) -> Later[OfferState | None]:
        """As `RedemptionController.state`; await it."""
        return self._run.quickly(lambda: self._controller.state)

    @property
    def status(self) -> Later[OfferStatus | None]:
        """As `RedemptionController.status`; await it."""
        return self._run.quickly(lambda: self._controller.status)

    @property
    def needs_refresh(self) -> Later[bool]:
        """As `RedemptionController.needs_refresh`; await it."""
        return self._run.quickly(lambda: self._controller.needs_refresh)

    @property
    def unconfirmed(self) -> Later[AsyncReceipt | None]:
        """As `RedemptionController.unconfirmed`; await it."""
        return self._unconfirmed()

    async def _unconfirmed(self) -> AsyncReceipt | None:
        found = await self._run.quickly(lambda: self._controller.unconfirmed)
        return None if found is None else AsyncReceipt(found, self._run)
