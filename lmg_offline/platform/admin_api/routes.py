"""The endpoints of the Admin API, in one list."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from lmg_offline.platform.admin_api import audience, content
from lmg_offline.platform.admin_api.openapi import document


class _OfUser(Route):
    """
    What a person has, `/users/{user_id}/...`: its last part counts only if it was sent as one.

    A user id may hold any character: of somebody called `ann/export`, sent as
    `ann%2Fexport`, the decoded path is that of ann's export.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as it is decoded, and its last part as it was sent."""
        sent: bytes = scope.get("raw_path") or scope["path"].encode()
        last = self.path.rsplit("/", 1)[1].encode()
        return super().matches(scope) if sent.endswith(b"/" + last) else (Match.NONE, {})


# The paths with a last part come first.
_V1: Sequence[BaseRoute] = [
    Route("/users", audience.list_users),
    _OfUser("/users/{user_id:path}/activity", audience.list_activity),
    _OfUser("/users/{user_id:path}/export", audience.export_user),
    Route("/users/{user_id:path}", audience.get_user, methods=["GET"]),
    Route("/users/{user_id:path}", audience.erase_user, methods=["DELETE"]),
    Route("/devices", audience.list_devices),
    Route("/entries", audience.list_entries),
    Route("/reports/demographics", audience.demographics),
    Route("/{kind}", content.list_content),
    Route("/{kind}/{content_id}", content.get_content, methods=["GET"]),
    Route("/{kind}/{content_id}", content.put_content, methods=["PUT"]),
    Route("/{kind}/{content_id}", content.delete_content, methods=["DELETE"]),
]

routes: list[BaseRoute] = [
    Route("/admin/openapi.json", document),
    Mount("/admin/v1", routes=_V1),
]
