"""The pages of the portal, in one list."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from lmg_offline.platform.portal.pages import static
from lmg_offline.platform.portal.views import audience, content, logs, overview, people, segments, signing

# Ids are in the query: one may be "..", and browsers resolve paths.
routes: list[BaseRoute] = [
    Route("/portal", overview.overview),
    Route("/portal/static/{name}", static),
    Route("/portal/sign-in", signing.sign_in, methods=["GET", "POST"]),
    Route("/portal/sign-out", signing.sign_out, methods=["POST"]),
    Route("/portal/audience", audience.audience),
    Route("/portal/devices", overview.devices),
    Route("/portal/users", people.users),
    Route("/portal/user", people.user),
    Route("/portal/user/export", people.export, methods=["POST"]),
    Route("/portal/user/erase", people.confirm_erase, methods=["GET"]),
    Route("/portal/user/erase", people.erase, methods=["POST"]),
    Route("/portal/segments", segments.segments),
    Route("/portal/segment", segments.segment),
    Route("/portal/segment/reason", segments.reason),
    Route("/portal/segment/edit", segments.edit, methods=["GET"]),
    Route("/portal/segment/edit", segments.change, methods=["POST"]),
    Route("/portal/segment/preview", segments.preview, methods=["POST"]),
    Route("/portal/segment/save", segments.save, methods=["POST"]),
    Route("/portal/segment/export", segments.export, methods=["POST"]),
    Route("/portal/segment/delete", segments.confirm_delete, methods=["GET"]),
    Route("/portal/segment/delete", segments.delete, methods=["POST"]),
    Route("/portal/content/{kind}", content.contents),
    Route("/portal/content/{kind}/edit", content.edit),
    Route("/portal/content/{kind}/save", content.save, methods=["POST"]),
    Route("/portal/content/{kind}/delete", content.confirm_delete, methods=["GET"]),
    Route("/portal/content/{kind}/delete", content.delete, methods=["POST"]),
    Route("/portal/entries", logs.entries),
    Route("/portal/log", logs.log),
]
