"""The one logger of the package. It gets a null handler and nothing else; the app decides the rest."""

from __future__ import annotations

import logging

log = logging.getLogger("lmg_offline")
log.addHandler(logging.NullHandler())
