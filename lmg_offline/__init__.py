"""
The Loop Media audience SDK for apps that can't count on a network.

Importing this package imports none of its dependencies: names are loaded when
they are first used (PEP 562). Start with `Client`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._core.identity import AudienceState
    from .aio import AsyncClient
    from .client import Client
    from .config import LmgSettings
    from .controller import RedemptionController
    from .errors import (
        ClientClosed,
        IdentifyRejected,
        JournalCorrupt,
        JournalError,
        JournalFull,
        JournalLocked,
        JournalUnavailable,
        LMGError,
        OfflineError,
        PlatformError,
        RedemptionArgument,
        RedemptionPending,
        RedemptionRefused,
        ValidationError,
        VerificationRequired,
    )
    from .models import Page
    from .prompts import PromptResolver
    from .protocol.profile import Gender, Profile
    from .receipts import Identification, Receipt
    from .redemption import OfferState, OfferStatus, Prompt, RedemptionReason
    from .sharing import ShareMethod
    from .status import Status

__all__ = [
    "AsyncClient",
    "AudienceState",
    "Client",
    "ClientClosed",
    "Gender",
    "Identification",
    "IdentifyRejected",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "JournalUnavailable",
    "LMGError",
    "LmgSettings",
    "OfferState",
    "OfferStatus",
    "OfflineError",
    "Page",
    "PlatformError",
    "Profile",
    "Prompt",
    "PromptResolver",
    "Receipt",
    "RedemptionArgument",
    "RedemptionController",
    "RedemptionPending",
    "RedemptionReason",
    "RedemptionRefused",
    "ShareMethod",
    "Status",
    "ValidationError",
    "VerificationRequired",
    "__version__",
]

_HOMES = {
    "AsyncClient": ".aio",
    "AudienceState": "._core.identity",
    "Client": ".client",
    "Gender": ".protocol.profile",
    "Identification": ".receipts",
    "LmgSettings": ".config",
    "OfferState": ".redemption",
    "OfferStatus": ".redemption",
    "Page": ".models",
    "Profile": ".protocol.profile",
    "Prompt": ".redemption",
    "PromptResolver": ".prompts",
    "Receipt": ".receipts",
    "RedemptionController": ".controller",
    "RedemptionReason": ".redemption",
    "ShareMethod": ".sharing",
    "Status": ".status",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, ".errors"), __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
