"""`lmg-offline platform`: starts, announces itself, stops; says why it can't."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lmg_offline.cli import platform
from lmg_offline.cli.admin import Admin
from lmg_offline.cli.main import main
from lmg_offline.errors import OfflineError, PlatformError

SERVE = [sys.executable, "-m", "lmg_offline.cli.main", "platform", "serve"]


@contextmanager
def serving(*words: str) -> Iterator[dict[str, str]]:
    """Run it, yield what it announces, and stop it as a service manager does."""
    with subprocess.Popen([*SERVE, "--port", "0", *words], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())
        finally:
            child.send_signal(signal.SIGTERM)
    assert 0 == child.returncode


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_announces_itself_when_it_answers(tmp_path: Path, workers: str) -> None:
    """The first line is one JSON object, and from then on requests are answered; a restart keeps the keys."""
    words = ("--dev", "--workers", workers, "--database", f"sqlite:///{tmp_path / 'platform.db'}")
    with serving(*words) as facts:
        report = Admin(facts["endpoint"], facts["admin_key"]).get("reports/demographics", by="gender")
    with serving(*words) as again:
        pass

    assert {"total": 0, "rows": [], "missing": 0} == report
    assert ["endpoint", "write_key", "verification_key", "admin_key"] == list(facts)
    assert {**facts, "endpoint": ""} == {**again, "endpoint": ""}


def test_a_property_is_made_with_its_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its admin key opens it; without --dev the platform makes none by itself."""
    database = f"sqlite:///{tmp_path / 'platform.db'}"
    code = main(["platform", "property", "create", "Acme", "--database", database])
    keys = json.loads(capsys.readouterr().out)
    with serving("--database", database) as facts:
        users = Admin(facts["endpoint"], keys["admin_key"]).all("users")
        with pytest.raises(PlatformError):
            Admin(facts["endpoint"], "ak_of_nobody").all("users")
    with pytest.raises(OfflineError):
        Admin(facts["endpoint"], keys["admin_key"]).all("users")

    assert (0, []) == (code, users)
    assert [None, None, None] == [facts[name] for name in keys]


@pytest.mark.parametrize(
    ("database", "code", "reason"),
    [
        pytest.param("mysql://localhost/lmg", 2, "--database", id="another kind of database"),
        pytest.param("platform.db", 2, "--database", id="no URL"),
        pytest.param("sqlite://", 2, "--database", id="in memory"),
        pytest.param("sqlite:///{folder}/none/platform.db", 3, "No such file", id="no such folder"),
        pytest.param("sqlite:///{folder}/text", 3, "not a database", id="not a database"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], database: str, code: int, reason: str
) -> None:
    """With the exit code of who can mend it."""
    (tmp_path / "text").write_text("not a database at all" * 100)
    words = ["platform", "serve", "--port", "0", "--database", database.format(folder=tmp_path)]

    assert code == main(words)
    said = capsys.readouterr()
    assert ("", True) == (said.out, reason in said.err)
    assert 1 == said.err.count("\n")


def test_a_port_in_use_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3 and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code = main(["platform", "serve", "--port", port, "--database", f"sqlite:///{tmp_path / 'platform.db'}"])

    assert 3 == code
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["platform", "serve"], ["platform", "property", "create", "Acme"], ["demo"]])
def test_without_the_extra_it_says_what_to_install(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3 and the command, not a traceback."""
    monkeypatch.setattr(platform, "NEEDED", ("a_package_that_nobody_has",))

    assert 3 == main(words)
    assert "pip install 'lmg-offline[platform]'" in capsys.readouterr().err


def test_the_default_database_lies_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of the owner's alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("LMG_DATABASE_URL", raising=False)

    assert 0 == main(["platform", "property", "create", "Acme"])
    assert (tmp_path / "lmg-offline-platform" / "platform.db").exists()
