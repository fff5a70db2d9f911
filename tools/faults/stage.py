"""
Where the rows of the fault matrix are played: which platform, which client, whose word at the end.

All three are hooks, so that a row can be played against another server or in
another dialect: nothing here assumes the replay mutation.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote

from lmg_offline import Client
from lmg_offline._support.clock import SystemClock
from lmg_offline.cli.admin import Admin
from lmg_offline.config import Config
from lmg_offline.errors import PlatformError
from lmg_offline.platform.server import running
from lmg_offline.platform.settings import Settings

from .oracle import Evidence, Oracle, Person

REQUEST_DEADLINE_S = 0.5
SPEED = 1_000_000.0


class PlatformFacts(Protocol):
    """What a row needs to know of a running platform; `lmg_offline.platform.server.Running` fits."""

    @property
    def endpoint(self) -> str: ...
    @property
    def write_key(self) -> str: ...
    @property
    def verification_key(self) -> str: ...
    @property
    def admin_key(self) -> str: ...


class FastClock(SystemClock):
    """
    A clock whose monotonic seconds pass a million times as fast: an hour in 4 ms.

    The sync measures its waits (backoff, Retry-After, suspension) by them and
    nothing else, so that attempts follow at once and each wait is still taken.
    Wall clock and time since boot stay true, so entries have their true age.
    """

    def monotonic_s(self) -> float:
        """Return seconds that pass quickly."""
        return super().monotonic_s() * SPEED


class QuickClient(Client):
    """A client whose requests give up after half a second, so that a half-open connection costs no more."""

    def _build(self, config: Config, *rest: Any, **more: Any) -> None:
        super()._build(config._replace(request_deadline_s=REQUEST_DEADLINE_S), *rest, **more)


def make_platform() -> AbstractContextManager[PlatformFacts]:
    """Run our platform in a thread, on a database of its own."""
    return running()


def make_lmg_platform() -> AbstractContextManager[PlatformFacts]:
    """As `make_platform`, with nothing that the real platform has not: the SDK speaks the LMG dialect to it."""
    return running(settings=Settings(dev=True, lmg_only=True))


def make_client(platform: PlatformFacts, endpoint: str, folder: Path) -> Client:
    """Return a client of the platform as it is seen at `endpoint`, its journal in `folder`."""
    return QuickClient(
        platform.write_key, endpoint=endpoint, data_dir=folder, durability="normal", clock=FastClock()
    )


def take_evidence(platform: PlatformFacts, oracle: Oracle) -> Evidence:
    """Ask the Admin API for everything the oracle will ask."""
    admin = Admin(platform.endpoint, platform.admin_key)
    people = {}
    for user_id in oracle.states:
        try:
            found = admin.get(f"users/{quote(user_id, safe='')}/export")
        except PlatformError:
            continue  # the platform does not know this person, which is for the judge
        profile = found["profile"]
        flat = {name: value for name, value in profile.items() if name != "traits" and value is not None}
        people[user_id] = Person(
            found["state"],
            {**flat, **profile["traits"]},
            found["activity"],
            frozenset(row["offer_id"] for row in found["bookmarks"] if row["saved"]),
        )
    return Evidence(admin.all("entries"), people)


@dataclass(frozen=True, slots=True)
class Stage:
    """
    The hooks.

    Attributes:
        make_platform: Runs a platform for as long as the block lasts.

        make_client: Makes a client of it that reaches it through the proxy.

        take_evidence: Says what the platform has at the end. In a dialect whose
            entries have no numbers its `log` is None.

        dialect: How the client speaks to the platform, `replay` or `lmg`. In the
            latter writes carry no time, and refusals come one by one.

        drain_within_s: How long a drain may take before it counts as hung.
    """

    make_platform: Callable[[], AbstractContextManager[PlatformFacts]] = make_platform
    make_client: Callable[[PlatformFacts, str, Path], Client] = make_client
    take_evidence: Callable[[PlatformFacts, Oracle], Evidence] = take_evidence
    dialect: Literal["replay", "lmg"] = "replay"
    drain_within_s: float = 60.0


STAGES = {"replay": Stage(), "lmg": Stage(make_platform=make_lmg_platform, dialect="lmg")}
