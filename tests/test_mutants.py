"""The mutants: two are planted here and caught, so that the machinery can't rot; none is out of date."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools.mutants.catalogue import MUTANTS, Mutant
from tools.mutants.run import ROOT, Stale, copy_project, first_failure, plant, try_mutant

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
LATE = BY_NAME["retry-after-ignored"]
# One test of its file: the whole takes longer than CI has for this.
_ONE = "tests/journal/test_bounds.py::test_writes_are_not_merged_across_another_kind"
ACROSS = replace(BY_NAME["merged-across"], tests=(_ONE,))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_project(folder)
    return folder


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_source(mutant: Mutant) -> None:
    """What has changed since it was written is seen here, and not when somebody counts on it."""
    source = (ROOT / mutant.file).read_text(encoding="utf-8")

    assert source != plant(mutant, source)
    assert all((ROOT / test).is_file() for test in mutant.tests)


def test_each_has_a_name_of_its_own() -> None:
    """`--only` must mean one."""
    assert len(MUTANTS) == len(BY_NAME)


@pytest.mark.parametrize("mutant", [LATE, ACROSS], ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_in_the_copy(mutant: Mutant, copy: Path) -> None:
    """By a test of the suite that holds without it; the tree and, afterwards, the copy are sound."""
    tree = (ROOT / mutant.file).read_text(encoding="utf-8")
    trial = try_mutant(mutant, copy)

    assert trial.caught_by is not None and trial.caught_by.startswith(mutant.tests[0])
    assert [tree] * 2 == [(folder / mutant.file).read_text(encoding="utf-8") for folder in (ROOT, copy)]
    assert first_failure(mutant.tests, copy) is None


def test_a_bug_that_changes_nothing_is_not_caught(copy: Path) -> None:
    """Only what a test noticed counts."""
    harmless = replace(LATE, new=f"{LATE.old}  # as before")

    assert try_mutant(harmless, copy).caught_by is None


@pytest.mark.parametrize(
    ("mutant", "reason"),
    [
        (replace(LATE, old="what nobody wrote"), "0 times"),
        (replace(LATE, new="floor_s = ("), "no Python"),
        (replace(LATE, tests=("tests/core/test_nothing.py",)), "could not be run"),
    ],
    ids=["source that has changed", "a broken source", "tests that are gone"],
)
def test_a_mutant_that_is_out_of_date_is_said_so(mutant: Mutant, reason: str, copy: Path) -> None:
    """It would be counted as caught, or as left, for nothing."""
    with pytest.raises(Stale, match=reason):
        try_mutant(mutant, copy)
