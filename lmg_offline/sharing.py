"""By what something can be shared."""

from __future__ import annotations

from enum import Enum


class ShareMethod(str, Enum):
    """
    By what something was shared; the values are what activity carries.

    Source: the real SDK's enum of sharing methods; its wire values are not public, these are our choice.
    """

    UNKNOWN = "unknown"
    FACEBOOK = "facebook"
    TWITTER = "twitter"
    EMAIL = "email"
    SMS = "sms"
    COPY = "copy"
