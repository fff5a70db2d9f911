"""Our own client: both durabilities, with the sync's thread as an app has it, and without."""

from __future__ import annotations

from lmg_offline import Client

from ..work import profile
from .port import NOWHERE, Place, System

DELIVERED_WITHIN_S = 3600.0


def client(place: Place, durability: str, *, sync: bool = True) -> Client:
    """Return a client of the place's endpoint, without bounds, its journal in the place's folder."""
    return Client(
        "wk_bench",
        endpoint=place.endpoint,
        data_dir=place.folder / "journal",
        durability=durability,
        sync=sync,
        max_entries=None,
        max_bytes=None,
    )


def full(place: Place) -> System:
    """Survives power loss; its sync runs, and reaches whoever is at the endpoint."""
    return _system(place, "full", sync=True)


def normal(place: Place) -> System:
    """Survives a crash of the process; its sync runs."""
    return _system(place, "normal", sync=True)


def full_alone(place: Place) -> System:
    """As `full`, the journal alone."""
    return _system(place, "full", sync=False)


def normal_alone(place: Place) -> System:
    """As `normal`, the journal alone."""
    return _system(place, "normal", sync=False)


def _system(place: Place, durability: str, *, sync: bool) -> System:
    own = client(place, durability, sync=sync)
    own.status()  # has all code loaded, which the sync thread does in its first second; `first-write` is without it
    update = own.user.update

    def finish() -> None:
        if sync and place.endpoint != NOWHERE and not own.flush(DELIVERED_WITHIN_S):
            raise TimeoutError("not everything was delivered")
        own.close()

    return System(lambda number: update(profile(number)), finish)
