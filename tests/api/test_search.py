"""Recent search terms."""

from __future__ import annotations

import pytest

from lmg_offline.errors import ValidationError
from lmg_offline.geo import ContentFilter
from lmg_offline.search import SearchApi
from tests.api.fakes import ScriptedReads, ScriptedWrites


@pytest.mark.parametrize("term", ["", "x" * 201, "a\x00", "\ud800", None, 7])
def test_what_is_no_text_is_not_kept(term: object) -> None:
    """Named, and nothing is written."""
    writes = ScriptedWrites()
    with pytest.raises(ValidationError) as raised:
        SearchApi(ScriptedReads([]), writes, ContentFilter()).save_term(term)  # type: ignore[arg-type]  # on purpose

    assert (["term"], []) == (raised.value.fields, writes.terms)
