"""The data folder in other people's hands: modes, planted files, folders that anybody can replace."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lmg_offline import Client
from lmg_offline._journal.store import FILES
from lmg_offline.errors import JournalUnavailable
from lmg_offline.platform.server import Running, running
from tests.e2e.support import client_of

SOMEBODY = 54321

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes and owners of POSIX")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whatever is made is open to everybody, unless its maker says otherwise."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def modes_of(folder: Path) -> dict[str, int]:
    """Return the mode of each file by name."""
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_every_file_is_the_owners_alone_whatever_the_umask(
    shared_platform: Running, tmp_path: Path, durability: str
) -> None:
    """At every moment of a whole session: new, written to, sent from, reset, closed, opened again."""
    folder = tmp_path / "made" / "on the way" / "j"
    seen: dict[str, set[int]] = {}

    def look() -> None:
        for name, mode in modes_of(folder).items():
            seen.setdefault(name, set()).add(mode)

    for _ in range(2):
        with client_of(shared_platform, folder, durability=durability) as client:
            look()
            client.user.update({"name": "Ann"})
            look()
            assert client.flush(60)
            client.user.reset_session()
            look()
        look()

    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent, folder.parent.parent)}
    assert {"journal.db", "journal.db-wal", "journal.db-shm", "journal.lock", "lease.db", "journal.ballast"} <= set(
        seen
    )
    assert {0o600} == {mode for found in seen.values() for mode in found}


@pytest.mark.usefixtures("open_umask")
def test_the_platforms_database_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds everybody's profile, and the keys that prove them."""
    with running(f"sqlite:///{tmp_path / 'platform.db'}"):
        modes = modes_of(tmp_path)

    assert {"platform.db", "platform.db-wal", "platform.db-shm"} <= set(modes)
    assert {0o600} == set(modes.values())


def test_a_folder_and_files_that_were_open_to_others_are_closed(tmp_path: Path) -> None:
    """As a backup tool or a copy by hand leaves them."""
    folder = tmp_path / "j"
    Client("wk", data_dir=folder, sync=False).close()
    for path in folder.iterdir():
        path.chmod(0o666)
    folder.chmod(0o777)

    with Client("wk", data_dir=folder, sync=False):
        modes = modes_of(folder)

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == set(modes.values())


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def second_name(path: Path, victim: Path) -> None:
    os.link(victim, path)


def of_somebody(path: Path, victim: Path) -> None:
    path.write_bytes(b"")
    os.chown(path, SOMEBODY, SOMEBODY)


def folder_instead(path: Path, victim: Path) -> None:
    path.mkdir()


def pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


PLANTS = [
    pytest.param(link, id="link"),
    pytest.param(second_name, id="second name"),
    pytest.param(
        of_somebody,
        id="somebody else's",
        marks=pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root"),
    ),
    pytest.param(folder_instead, id="folder"),
    pytest.param(pipe, id="pipe"),
]


@pytest.mark.parametrize("is_old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_file_is_refused_and_what_it_leads_to_left_alone(
    tmp_path: Path, plant: Callable[[Path, Path], None], name: str, is_old: bool
) -> None:
    """For each name that the SDK or SQLite opens, before anything is opened: said with the name, at the call."""
    folder, victim = tmp_path / "j", tmp_path / "victim"
    victim.write_bytes(b"somebody's own")
    victim.chmod(0o644)
    folder.mkdir(mode=0o700)
    if is_old:
        Client("wk", data_dir=folder, sync=False).close()
    (folder / name).unlink(missing_ok=True)
    plant(folder / name, victim)

    with pytest.raises(JournalUnavailable, match=name.replace(".", r"\.")):
        Client("wk", data_dir=folder, sync=False)

    assert b"somebody's own" == victim.read_bytes()
    assert 0o644 == stat.S_IMODE(victim.stat().st_mode)


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Whoever planted it would get the journal."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "j").symlink_to(tmp_path / "theirs")

    with pytest.raises(JournalUnavailable, match="symbolic link"):
        Client("wk", data_dir=tmp_path / "j", sync=False)

    assert [] == list((tmp_path / "theirs").iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Its owner could read and change everything."""
    (tmp_path / "j").mkdir(mode=0o700)
    os.chown(tmp_path / "j", SOMEBODY, SOMEBODY)

    with pytest.raises(JournalUnavailable, match="another user"):
        Client("wk", data_dir=tmp_path / "j", sync=False)


@pytest.mark.parametrize("depth", [0, 2], ids=["parent", "further up"])
def test_a_place_where_anybody_can_put_another_folder_is_refused(tmp_path: Path, depth: int) -> None:
    """A folder of mode 0700 is no use where others can rename it; with the sticky bit, as /tmp has it, they can't."""
    place = tmp_path / "open to all"
    folder = place.joinpath(*["deeper"] * depth, "j")
    folder.parent.mkdir(parents=True)
    place.chmod(0o777)
    with pytest.raises(JournalUnavailable, match="anybody can replace what is in"):
        Client("wk", data_dir=folder, sync=False)

    place.chmod(0o1777)
    with Client("wk", data_dir=folder, sync=False) as client:
        receipt = client.activity.track("seen")

        assert "journaled" == receipt.state


def test_the_journal_is_not_where_everybody_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default it lies in the user's own data folder: not in a folder for temporary files, nor in the app's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LMG_DATA_DIR", raising=False)
    with Client("wk", app_name="kiosk", sync=False) as client:
        folder = Path(client.data_dir)

    assert tmp_path in folder.parents
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.parametrize("name", ["..", "../other", "a/b", "a\\b", "/etc", "", ".", "a\0b", "a\nb"])
def test_the_name_of_an_app_leads_nowhere_else(name: str) -> None:
    """It is one folder's name."""
    with pytest.raises(ValueError, match="app_name"):
        Client("wk", app_name=name, sync=False)
