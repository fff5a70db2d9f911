"""Every setting of a client, with its unit and bounds, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from .errors import ValidationError

Durability = Literal["full", "normal"]

DEFAULT_ENDPOINT = "http://127.0.0.1:8642"


@dataclass(frozen=True, slots=True)
class Config:
    """
    Settings of one client.

    Attributes:
        write_key: The integration's write key.

        endpoint: Base URL of the platform, without a trailing slash.

        app_name: Names the folder under the user's data folder.

        data_dir: The folder itself; None derives it from `app_name`.

        durability: `full` survives power loss, `normal` a crash of the process.

        sync: False: journal only, nothing is ever sent.

        request_deadline_s: Longest one request may take, in seconds.
    """

    write_key: str
    endpoint: str
    app_name: str
    data_dir: Path | None
    durability: Durability
    sync: bool
    request_deadline_s: float = 30.0


def make_config(
    write_key: str | None,
    *,
    endpoint: str | None,
    app_name: str,
    data_dir: str | os.PathLike[str] | None,
    durability: str,
    sync: bool,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """
    Check the settings and fill in what the environment names.

    Raises:
        ValidationError: A setting is out of bounds; all of them are named at once.

    Source: environment variables of the command line, docs of `lmg-offline`.
    """
    errors: dict[str, list[str]] = {}
    key = write_key if write_key is not None else environ.get("LMG_WRITE_KEY", "")
    if not isinstance(key, str) or (sync and not key) or not key.isascii() or not key.isprintable():
        errors["write_key"] = ["Give the integration's write key, or set LMG_WRITE_KEY."]
    url = endpoint or environ.get("LMG_ENDPOINT") or DEFAULT_ENDPOINT
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        errors["endpoint"] = ["Give an http or https URL without a query."]
    elif parts.username or parts.password:
        errors["endpoint"] = ["Leave user name and password out of the URL."]
    if durability not in ("full", "normal"):
        errors["durability"] = ['Use "full" or "normal".']
    if not app_name or not all(c.isalnum() or c in "-_. " for c in app_name) or app_name in (".", ".."):
        errors["app_name"] = ["Use letters, digits, '-', '_', '.' and spaces."]
    if errors:
        raise ValidationError(errors)
    folder = data_dir or environ.get("LMG_DATA_DIR")
    return Config(
        write_key=key,
        endpoint=url.rstrip("/"),
        app_name=app_name,
        data_dir=Path(folder) if folder else None,
        durability="full" if durability == "full" else "normal",
        sync=sync,
    )
