"""What is sent while it is read: the same text, in blocks."""

from __future__ import annotations

import pytest

from lmg_offline.platform.downloads import blocks


@pytest.mark.parametrize("lines", [[], ["a"], ["ab", "c", "", "defgh", "i"], ["x"] * 1000])
def test_blocks_are_the_same_text_in_fewer_parts(lines: list[str]) -> None:
    """Each but the last one has at least so many characters, and not a part more than that takes."""
    found = list(blocks(lines, chars=3))

    assert "".join(lines) == "".join(found)
    assert [block for block in found[:-1] if not 3 <= len(block) < 3 + max(map(len, lines))] == []
