"""The Admin API over the standard library, as far as the command line needs it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from ..errors import OfflineError, PlatformError

PAGE = 1000
TIMEOUT_S = 120.0


class Admin:
    """One property's Admin API."""

    def __init__(self, endpoint: str, admin_key: str) -> None:
        self._base = endpoint + "/admin/v1/"
        self._headers = {"Authorization": f"Bearer {admin_key}", "Content-Type": "application/json"}
        # Never through a proxy of the environment: the key goes to the endpoint alone.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """
        Return one document.

        Raises:
            OfflineError, PlatformError: It did not answer, or said no.
        """
        words = f"?{urlencode(query)}" if query else ""
        return self._send(urllib.request.Request(self._base + path + words, headers=self._headers))

    def put(self, path: str, body: Mapping[str, object]) -> None:
        """Store one document. Raises as `get`."""
        data = json.dumps(body).encode()
        self._send(urllib.request.Request(self._base + path, data, self._headers, method="PUT"))

    def all(self, path: str) -> list[dict[str, Any]]:
        """Return the items of every page, in order. Raises as `get`."""
        page = self.get(path, limit=PAGE)
        items: list[dict[str, Any]] = page["items"]
        while page["next_cursor"] is not None:
            page = self.get(path, limit=PAGE, cursor=page["next_cursor"])
            items += page["items"]
        return items

    def _send(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as reply:
                found: dict[str, Any] = json.loads(reply.read() or b"{}")
                return found
        except urllib.error.HTTPError as error:
            error.close()
            raise PlatformError(error.code, None, "see the platform's log") from error
        except (OSError, HTTPException, ValueError) as error:
            raise OfflineError("the platform's Admin API does not answer; is it running?") from error
