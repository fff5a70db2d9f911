"""A SQLite file that goes away under the running platform: said so, and nothing taken for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from kiosk import Kiosk, Site, lane, position, track

from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import running
from lmg_offline.platform.store import engine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The database's file, in a folder of its own."""
    folder = tmp_path / "database"
    folder.mkdir()
    return folder / "platform.db"


@pytest.fixture
def kiosk(file: Path) -> Iterator[Kiosk]:
    """A device of a platform that has answered it once."""
    with (
        running(f"sqlite:///{file}") as platform,
        httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30) as http,
    ):
        keys = Keys(platform.write_key, platform.verification_key, platform.admin_key)
        found = Kiosk(Site(http, platform.engine, keys), "kiosk-1")
        found.one([track(1, "before")])
        yield found


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_is_away_takes_nothing_and_is_itself_again_when_it_is_back(
    kiosk: Kiosk, file: Path, tmp_path: Path, what: str
) -> None:
    """Also when there are more requests at once than connections: no empty database takes its place."""
    moved, away = (file if what == "file" else file.parent), tmp_path / "away"
    with ExitStack() as stack:
        for _ in range(3):
            connection = kiosk.site.engine.pool.connect()
            stack.callback(connection.close)
        moved.rename(away)
        missed = kiosk.send(lane([track(2, "lost?")], after=position(1)))
        reports = kiosk.site.http.get(
            "/admin/v1/devices", headers={"Authorization": f"Bearer {kiosk.site.keys.admin_key}"}
        )
        health = kiosk.site.http.get("/healthz")
        found_in_its_place = file.exists()
    away.rename(moved)
    again = kiosk.one([track(2, "there")], after=position(1))

    assert [503] * 3 == [answer.status_code for answer in (missed, reports, health)]
    assert "lmg-unavailable" == missed.json()["errors"][0]["messageId"]
    assert not found_in_its_place
    assert ("ok", position(2)) == (again["status"], again["applied_through"])
    assert [1, 2] == [seq for seq, *_ in kiosk.site.log("s1")]


def test_another_file_in_its_place_is_not_taken_for_it(kiosk: Kiosk, file: Path, tmp_path: Path) -> None:
    """A backup that is put back under the running platform would be mixed up with the log of the other one."""
    shutil.copy(file, tmp_path / "backup")
    (tmp_path / "backup").replace(file)

    missed = kiosk.send(lane([track(2, "b")], after=position(1)))

    assert 503 == missed.status_code


def test_a_database_that_others_hold_for_too_long_is_said_so(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy platform is no broken one: 503, nothing is written, and the same request will do later."""
    monkeypatch.setattr(engine, "_BUSY_TIMEOUT_S", 0.01)
    with engine.writing(kiosk.site.engine):
        missed = kiosk.send(lane([track(2, "later")], after=position(1)))
    again = kiosk.one([track(2, "later")], after=position(1))

    assert (503, "lmg-unavailable") == (missed.status_code, missed.json()["errors"][0]["messageId"])
    assert ("ok", position(2)) == (again["status"], again["applied_through"])
