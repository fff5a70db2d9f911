"""The endpoints of the Admin API, in one list."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route

from lmg_offline.platform.admin_api import audience, content
from lmg_offline.platform.admin_api.openapi import document

# A user id may hold any character, a slash too: the suffixed paths come first.
_V1: Sequence[BaseRoute] = [
    Route("/users", audience.list_users),
    Route("/users/{user_id:path}/activity", audience.list_activity),
    Route("/users/{user_id:path}/export", audience.export_user),
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
