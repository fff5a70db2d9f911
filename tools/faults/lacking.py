"""What a row needs and this machine has not."""

from __future__ import annotations


class Lacking(Exception):
    """
    The row can't be played here. It is said so, and never counted as one that holds.

    Attributes:
        what: What is lacking, and what for.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
