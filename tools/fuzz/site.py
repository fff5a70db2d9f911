"""The platform that is fuzzed: with people and content, so that ids can be of something."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lmg_offline.platform.server import Running
from lmg_offline.verification import sign_user_id

USER = "ann"
CONTENT = {
    "categories/food": {"name": "Food"},
    "businesses/cafe": {"name": "Cafe", "categories": ["food"], "tags": ["warm"]},
    "locations/downtown": {"business_id": "cafe", "name": "Downtown", "latitude": 49.9, "longitude": -119.45},
    "offers/coffee": {"business_id": "cafe", "headline": "Coffee", "redemption": {"kind": "single"}},
    "collections/warm": {"name": "Warm", "business_ids": ["cafe"]},
    "segments/all": {"name": "All", "rule": {"any": [{"state": "verified"}, {"state": "identified"}]}},
}


@dataclass(frozen=True, slots=True)
class Site:
    """
    A platform, and what it has.

    Attributes:
        own_ids: Of the keys that the run itself needs.

        spare_ids: Of keys that can be rotated and revoked.
    """

    endpoint: str
    write_key: str = field(repr=False)
    verification_key: str = field(repr=False)
    admin_key: str = field(repr=False)
    own_ids: tuple[str, ...]
    spare_ids: tuple[str, ...]

    def session(self, user_id: str | None = USER) -> str:
        """Open a session, of a verified user if one is named, and return its token."""
        opened = self.ask("/graph/auth", "mutation { createSession { token } }")["createSession"]
        token: str = opened["token"]
        if user_id is not None:
            signature = sign_user_id(self.verification_key, user_id)
            arguments = f'externalId: "{user_id}", externalIdSignature: "{signature}"'
            claim = f"mutation {{ identifySession({arguments}) {{ token }} }}"
            token = self.ask("/graph/auth", claim, token)["identifySession"]["token"]
        return token

    def ask(self, path: str, query: str, token: str | None = None) -> Any:
        """Run a GraphQL document that must succeed, and return its data."""
        headers = {"X-Integration-Write-Key": self.write_key} | ({"X-Session-Token": token} if token else {})
        return _json("POST", self.endpoint + path, {"query": query}, headers)["data"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a part of the run."""

    requests: int
    statuses: Counter[int]
    faults: list[str]

    def __str__(self) -> str:
        counted = ", ".join(f"{status}: {times}" for status, times in sorted(self.statuses.items()))
        return f"{self.requests} requests, {len(self.faults)} faults; statuses {counted}"


def furnish(platform: Running) -> Site:
    """Fill a platform with something of everything."""
    headers = {"Authorization": f"Bearer {platform.admin_key}"}

    def admin(method: str, path: str, body: object = None) -> Any:
        return _json(method, f"{platform.endpoint}/admin/v1/{path}", body, headers)

    for path, document in CONTENT.items():
        admin("PUT", path, document)
    own = [admin("GET", path)["items"][0] for path in ("admin-keys", "integrations", "verification-keys")]
    spare = [
        admin("POST", "admin-keys", {"name": "Spare", "role": "support"}),
        admin("POST", "integrations", {"name": "Spare"}),
        admin("POST", "verification-keys", {}),
    ]
    site = Site(
        platform.endpoint,
        platform.write_key,
        platform.verification_key,
        platform.admin_key,
        tuple(row.get("id", row.get("key_id")) for row in own),
        tuple(row.get("id", row.get("key_id")) for row in spare),
    )
    token = site.session()
    traits = json.dumps(json.dumps({"email": "ann@example.com", "birthday": "1990-02-28", "visits": 5}))
    site.ask("/graph/auth", f"mutation {{ updateSessionTraits(traits: {traits}) {{ traits }} }}", token)
    return site


def _json(method: str, url: str, body: object, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {**headers, "Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as reply:
        return json.loads(reply.read())
