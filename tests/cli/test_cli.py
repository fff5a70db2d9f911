"""The command line: words in, lines and exit codes out."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lmg_offline.cli.main import main
from lmg_offline.verification import VerificationKey, sign_user_id
from tests.fakes import Rig

KEY = VerificationKey("k1", "a secret of ours").encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal with a parked lane, a dead letter and a queued entry."""
    rig = Rig(tmp_path / "journal")
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    rig.track("bad")
    rig.journal.identify("ann", "a bad token", None)
    rig.drain()
    rig.track("queued")
    rig.close()
    return tmp_path / "journal"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def run_json(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    code, out, _ = run(capsys, *words, "--json")
    assert 0 == code
    return json.loads(out)


def test_a_token_that_was_signed_is_valid_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 and 1; the reason in words."""
    code, out, _ = run(capsys, "token", "sign", "--key", KEY, "ann")
    token = out.strip()

    assert (0, sign_user_id(KEY, "ann")) == (code, token)
    assert (0, "valid\n") == run(capsys, "token", "check", "--key", KEY, "ann", token)[:2]
    code, out, _ = run(capsys, "token", "check", "--key", KEY, "bob", token)
    assert (1, True) == (code, "token_refused" in out)
    assert {"valid": True} == {k: v for k, v in run_json(capsys, "token", "check", "--key", KEY, "ann", token).items()
                               if k == "valid"}  # fmt: skip
    stamped = run_json(capsys, "token", "sign", "--timestamp", "--key", KEY, "ann")["token"]
    assert 0 == run(capsys, "token", "check", "--max-age", 60, "--key", KEY, "ann", stamped)[0]


@pytest.mark.parametrize(
    "words", [["token", "sign", "--key", "not base64!", "ann"], ["nonsense"], [], ["platform", "serve", "--port", "-4"]]
)
def test_a_wrong_call_is_exit_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """With a sentence on stderr and nothing on stdout."""
    code, out, err = run(capsys, *words)

    assert (2, "") == (code, out)
    assert err


def test_no_journal_is_exit_3_and_makes_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Looking must not leave a journal behind."""
    code, out, err = run(capsys, "status", "--data-dir", tmp_path / "nothing")

    assert (3, "", True) == (code, out, "there is no journal" in err)
    assert not (tmp_path / "nothing").exists()


def test_a_flag_wins_over_the_environment(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMG_DATA_DIR names the journal, unless a flag does."""
    monkeypatch.setenv("LMG_DATA_DIR", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder.parent / "elsewhere"))

    assert 0 == run(capsys, "status")[0]
    assert 3 == run(capsys, "status", "--app-name", "another-app")[0]
    assert 3 == run(capsys, "status", "--data-dir", folder.parent)[0]
    assert 2 == run(capsys, "status", "--data-dir", folder, "--app-name", "both")[0]


@pytest.mark.parametrize("words", [["status"], ["audit"], ["queue", "list"]])
def test_what_people_read_fits_80_columns(capsys: pytest.CaptureFixture[str], folder: Path, words: list[str]) -> None:
    """In a terminal of the old width."""
    code, out, _ = run(capsys, *words, "--data-dir", folder)
    lines = [line for line in out.splitlines() if str(folder.parent)[:20] not in line]

    assert 0 == code
    assert lines
    assert [] == [line for line in lines if len(line) > 80]


def test_what_machines_read_is_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Named as the fields of the Python objects."""
    status = run_json(capsys, "status", "--data-dir", folder)
    audit = run_json(capsys, "audit", "--data-dir", folder)
    listed = run_json(capsys, "queue", "list", "--data-dir", folder)

    assert (1, 1, 1) == (status["queued"], status["parked"], status["dead_letters"])
    assert audit["adds_up"]
    assert ["parked", "open"] == [lane["status"] for lane in listed["lanes"]]
    assert "payload" not in listed["entries"][0]


def test_a_dead_letter_is_retried_and_a_parked_entry_discarded(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """By id; an unknown id is a wrong call."""
    listed = run_json(capsys, "queue", "list", "--data-dir", folder)
    parked = next(entry for entry in listed["entries"] if entry["kind"] == "identify")

    assert run_json(capsys, "queue", "discard", parked["id"], "--data-dir", folder)["discarded"] == parked["id"]
    assert 0 == run(capsys, "queue", "retry", listed["dead_letters"][0]["id"], "--data-dir", folder)[0]
    assert 2 == run(capsys, "queue", "retry", "nothing", "--data-dir", folder)[0]
    assert 0 == run(capsys, "audit", "--data-dir", folder)[0]


def test_an_export_is_the_owners_alone_and_replaces_nothing(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    """NDJSON with payloads, mode 0600."""
    file = tmp_path / "export.ndjson"

    assert 0 == run(capsys, "queue", "export", file, "--data-dir", folder)[0]
    assert 3 == len([json.loads(line) for line in file.read_text("utf-8").splitlines()])
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert 2 == run(capsys, "queue", "export", file, "--data-dir", folder)[0]
    file.chmod(0o644)
    assert 3 == run_json(capsys, "queue", "export", file, "--force", "--data-dir", folder)["exported"]
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file, folder] == sorted(tmp_path.iterdir())
    assert 3 == run(capsys, "queue", "export", tmp_path / "no" / "folder", "--data-dir", folder)[0]


def test_tokens_are_made_without_a_database(tmp_path: Path) -> None:
    """A server that signs loads none of the journal's packages."""
    code = (
        "import sys; from lmg_offline.cli.main import main; main(sys.argv[1:]);"
        "print([n for n in ('sqlalchemy', 'marshmallow', 'urllib3', 'platformdirs') if n in sys.modules])"
    )
    words = [sys.executable, "-c", code, "token", "sign", "--key", KEY, "ann"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)

    assert [sign_user_id(KEY, "ann"), "[]"] == done.stdout.split("\n")[:2]


def test_a_reader_that_leaves_early_is_no_traceback(folder: Path) -> None:
    """`lmg-offline queue list | head -1` ends quietly."""
    words = [sys.executable, "-m", "lmg_offline.cli.main", "queue", "list", "--data-dir", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()

    assert (3, "") == (child.returncode, said)


def test_the_command_says_its_version() -> None:
    """Run as a module."""
    done = subprocess.run(
        [sys.executable, "-m", "lmg_offline.cli.main", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
