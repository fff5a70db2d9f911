"""The rows `full-disk`, `disk-errors` and `bad-folder`, small, and what they stand on."""

from __future__ import annotations

import ctypes
import errno
from pathlib import Path

import pytest

from lmg_offline._journal.engine import mapped
from lmg_offline.errors import JournalFull, JournalUnavailable
from tools.faults import __main__ as faults
from tools.faults import disk, folder, power
from tools.faults.lacking import Lacking
from tools.faults.nursery import Nursery, has_shim, shim
from tools.faults.oracle import Report
from tools.faults.promises import Noted, read_notes, write_notes
from tools.faults.rows import Row
from tools.faults.stage import STAGES, Stage

with_shim = pytest.mark.skipif(not has_shim(), reason="needs a C compiler (cc) on Linux, to spoil a disk")


@with_shim
def test_on_a_full_disk_what_returned_arrives_and_what_raised_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Also what is written while it drains there; and the three numbers are printed."""
    found = disk.full_disk(STAGES["replay"], 11, 300)
    said = capsys.readouterr().err

    assert Report("full-disk", tries=300) == found
    assert "raised JournalFull" in said and "returned" in said and "delivered" in said


@with_shim
def test_a_deed_that_fails_is_a_journal_error_and_nothing_else() -> None:
    """A sample of the faults there are."""
    assert Report("disk-errors", tries=4) == disk.disk_errors(STAGES["replay"], 11, 4)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="root's rights are given up as Linux does it")
def test_trouble_with_the_folder_is_said_and_forgotten() -> None:
    """One of each kind."""
    assert Report("bad-folder", tries=len(folder.TROUBLES)) == folder.bad_folder(STAGES["replay"], 11, 6)


def probe(where: str) -> None:
    """In a child: see that a deed fails when it is told to, and a folder is as small as it is told to."""
    place, recorder = Path(where), shim()

    def error_of(size: int) -> int:
        try:
            (place / "file").write_bytes(bytes(size))
        except OSError as error:
            return error.errno or 0
        return 0

    recorder.faults_fail(where.encode(), 2, errno.EIO, 0)  # the first deed makes the file
    assert [errno.EIO, 0] == [error_of(10), error_of(10)]
    recorder.faults_fail(where.encode(), 1, errno.ENOSPC, 1)
    assert [errno.ENOSPC, errno.ENOSPC] == [error_of(10), error_of(10)]
    recorder.faults_fail(where.encode(), 0, 0, 0)
    recorder.faults_limit(where.encode(), ctypes.c_int64(1000))
    assert [0, errno.ENOSPC, 0] == [error_of(1000), error_of(1001), error_of(10)]
    (place / "another").write_bytes(bytes(990))
    assert errno.ENOSPC == error_of(11)


@with_shim
def test_the_shim_fails_what_it_is_told_to(tmp_path: Path) -> None:
    """Once, from then on, and beyond a size."""
    (tmp_path / "small").mkdir()
    with Nursery() as nursery:
        words = {"where": str(tmp_path / "small")}
        code = nursery.start("tests.faults.test_disk:probe", tmp_path / "output", words).wait(60)

    assert 0 == code, (tmp_path / "output").read_text()


def test_a_call_that_raised_is_not_taken_for_one_that_may_have_been_done(tmp_path: Path) -> None:
    """One that returned stays, whatever is noted of a later one."""
    calls = [Noted(1, "track", {"n": 1}, None, False, "1.1.a"), Noted(2, "track", {"n": 2}, None, False)]
    write_notes(tmp_path / "notes", calls)
    with (tmp_path / "notes").open("a", encoding="utf-8") as file:
        file.write('{"raised": 2}\n{"raised": 1}\n')

    assert [calls[:1]] == read_notes([tmp_path / "notes"])


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, JournalFull), (errno.EIO, JournalUnavailable), (errno.EROFS, JournalUnavailable)],
)
def test_an_error_of_the_system_is_one_of_ours(tmp_path: Path, number: int, kind: type[Exception]) -> None:
    """It names the file and the way out."""
    with pytest.raises(kind, match=r"the journal .*journal\.db.*;"), mapped(tmp_path / "journal.db"):
        raise OSError(number, "as the system says")


def test_a_row_that_can_not_be_played_is_no_row_that_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said why, the table has no line of it, and the exit code is 1."""

    def lacking(stage: Stage, seed: int, count: int) -> Report:
        raise Lacking("a machine")

    monkeypatch.setattr(faults, "ROWS", (Row("odd", lacking, 1), Row("even", lambda *_: Report("even", tries=1), 1)))
    code = faults.main([])
    said = capsys.readouterr()

    assert (1, "[odd] NOT PLAYED: it needs a machine\n") == (code, said.err.splitlines(keepends=True)[0])
    assert "odd" not in said.out and "even" in said.out


def test_without_a_compiler_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are not played."""
    for module, row in ((disk, disk.full_disk), (disk, disk.disk_errors), (power, power.power)):
        monkeypatch.setattr(module, "has_shim", lambda: False)
        with pytest.raises(Lacking, match="compiler"):
            row(STAGES["replay"], 1, 1)
