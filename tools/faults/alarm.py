"""What the SDK logs as an error, heard."""

from __future__ import annotations

import logging


class Alarm(logging.Handler):
    """
    Collects what the SDK logs as an error: an exception that got as far as its sync.

    Attributes:
        lines: One for each, different ones once.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        line = f"{record.getMessage()} ({getattr(record, 'error', 'no kind named')})"
        if line not in self.lines:
            self.lines.append(line)

    def __enter__(self) -> Alarm:
        logging.getLogger("lmg_offline").addHandler(self)
        return self

    def __exit__(self, *what: object) -> None:
        logging.getLogger("lmg_offline").removeHandler(self)
        self.close()
