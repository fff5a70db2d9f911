"""A face for each namespace of the client: the same methods, awaited."""

from __future__ import annotations

from .._core.identity import AudienceState
from ..client import Client
from ..protocol.profile import Profile
from .controller import AsyncRedemptionController
from .receipts import identification, receipt
from .run import Later, Run


class AsyncUser:
    """As `User`. `id`, `session_id`, `state` and `profile` are awaited."""

    def __init__(self, client: Client, run: Run) -> None:
        user = self._user = client.user
        self._run = run
        self.genders = user.genders
        self.identify = identification(run, user.identify)
        self.update = receipt(run, user.update)
        self.reset_session = self.logout = run.quick(user.reset_session)
        self.forget = receipt(run, user.forget)

    @property
    def id(self) -> Later[str | None]:
        """As `User.id`; await it."""
        return self._run.quickly(lambda: self._user.id)

    @property
    def session_id(self) -> Later[str]:
        """As `User.session_id`; await it."""
        return self._run.quickly(lambda: self._user.session_id)

    @property
    def state(self) -> Later[AudienceState]:
        """As `User.state`; await it."""
        return self._run.quickly(lambda: self._user.state)

    @property
    def profile(self) -> Later[Profile]:
        """As `User.profile`; await it."""
        return self._run.quickly(lambda: self._user.profile)


class AsyncActivity:
    """As `Activity`."""

    def __init__(self, client: Client, run: Run) -> None:
        activity = client.activity
        self.track = receipt(run, activity.track)
        self.offer_shown = receipt(run, activity.offer_shown)
        self.offer_viewed = receipt(run, activity.offer_viewed)
        self.offer_card_swiped = receipt(run, activity.offer_card_swiped)
        self.offer_shared = receipt(run, activity.offer_shared)
        self.offer_state_change_error = receipt(run, activity.offer_state_change_error)
        self.business_shown = receipt(run, activity.business_shown)
        self.business_viewed = receipt(run, activity.business_viewed)
        self.business_called = receipt(run, activity.business_called)
        self.business_shared = receipt(run, activity.business_shared)
        self.business_website_visited = receipt(run, activity.business_website_visited)
        self.collection_viewed = receipt(run, activity.collection_viewed)
        self.collections_listed = receipt(run, activity.collections_listed)
        self.sdk_initialized = receipt(run, activity.sdk_initialized)
        self.session_error = receipt(run, activity.session_error)


class AsyncBusinessApi:
    """As `BusinessApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        self.list = run.slow(client.business.list)
        self.get = run.slow(client.business.get)


class AsyncOfferApi:
    """As `OfferApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        offer = client.offer
        self.get = run.slow(offer.get)
        self.bookmark = receipt(run, offer.bookmark)
        self.unbookmark = receipt(run, offer.unbookmark)
        self.join_rewards = receipt(run, offer.join_rewards)
        self.get_redemption_controller = run.mapped(
            offer.get_redemption_controller, run.slowly, lambda found: AsyncRedemptionController(found, run)
        )


class AsyncLocationApi:
    """As `LocationApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        self.list = run.slow(client.location.list)
        self.get = run.slow(client.location.get)


class AsyncCollectionBusinessApi:
    """As `CollectionBusinessApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        self.list = run.slow(client.collection.business.list)


class AsyncCollectionApi:
    """As `CollectionApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        self.business = AsyncCollectionBusinessApi(client, run)
        self.list = run.slow(client.collection.list)
        self.get = run.slow(client.collection.get)


class AsyncSearchApi:
    """As `SearchApi`."""

    def __init__(self, client: Client, run: Run) -> None:
        self.recent_terms = run.quick(client.search.recent_terms)
        self.save_term = run.quick(client.search.save_term)


class AsyncDesk:
    """As `client.journal`: the queue, its dead letters and ledger, for operators."""

    def __init__(self, client: Client, run: Run) -> None:
        desk = client.journal
        self.entries = run.quick(desk.entries)
        self.lanes = run.quick(desk.lanes)
        self.dead_letters = run.quick(desk.dead_letters)
        self.ledger = run.quick(desk.ledger)
        self.retry = run.quick(desk.retry)
        self.discard = run.quick(desk.discard)
        self.receipt = run.quick(desk.receipt)
        self.place = desk.place
        self.audit = run.quick(desk.audit)
        self.counts = run.quick(desk.counts)
