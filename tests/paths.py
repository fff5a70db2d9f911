"""Where the fixtures lie."""

from __future__ import annotations

from pathlib import Path

LMG_SCHEMA = Path(__file__).parent / "contract" / "lmg-schema"
