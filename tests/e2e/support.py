"""What the end-to-end tests share: a real platform, its Admin API, a real client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from lmg_offline import Client
from lmg_offline.platform.server import Running


class Admin:
    """The Admin API of a running platform."""

    def __init__(self, platform: Running, key: str | None = None) -> None:
        self._base = platform.endpoint + "/admin/v1/"
        self._key = platform.admin_key if key is None else key

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and JSON body (None for an empty one)."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                text = reply.read()
                return reply.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def get(self, path: str) -> Any:
        """Return the body of a GET that must succeed."""
        status, body = self.ask("GET", path)
        assert 200 == status, body
        return body

    def user(self, user_id: str) -> Any:
        """Return one person."""
        return self.get(f"users/{quote(user_id, safe='')}")

    def entries(self) -> list[dict[str, Any]]:
        """Return the whole entry log."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"entries?limit=1000{cursor}")
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def content(self) -> None:
        """Put two businesses with an offer and a place each, and a collection."""
        for number, name in ((1, "Cafe"), (2, "Rink")):
            self.ask("PUT", f"categories/cat-{number}", {"name": f"Category {number}"})
            self.ask(
                "PUT", f"businesses/b{number}", {"name": name, "categories": [f"cat-{number}"], "tags": [f"t{number}"]}
            )
            self.ask("PUT", f"locations/l{number}", {"business_id": f"b{number}", "name": f"{name} place",
                                                     "latitude": 49.0 + number, "longitude": -119.0})  # fmt: skip
            self.ask("PUT", f"offers/o{number}", {"business_id": f"b{number}", "headline": f"{name} offer"})
        self.ask(
            "PUT", "collections/c1", {"name": "All", "tags": ["x"], "filter": {"tags": ["t2"]}, "business_ids": ["b1"]}
        )


def client_of(platform: Running, folder: object, **settings: Any) -> Client:
    """Return a client of the platform, its journal under `folder`."""
    return Client(platform.write_key, endpoint=platform.endpoint, data_dir=str(folder), **settings)
