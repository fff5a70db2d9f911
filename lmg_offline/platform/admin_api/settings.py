"""The property: its settings, and its end."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform import properties
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.replies import unprocessable
from lmg_offline.platform.times import iso

log = logging.getLogger("lmg_offline.platform")


def get_property(request: Request, connection: Connection, caller: Caller) -> Response:
    """The property and its settings."""
    return JSONResponse(_shown(connection, caller))


def change_property(request: Request, connection: Connection, caller: Caller) -> Response:
    """Change the settings that are named."""
    properties.change(connection, caller.property_id, request.state.document)
    return JSONResponse(_shown(connection, caller))


def delete_property(request: Request, connection: Connection, caller: Caller) -> Response:
    """Delete the property and everything in it, for good."""
    name = properties.settings(connection, caller.property_id)["name"]
    if request.query_params.get("name") != name:
        raise unprocessable("Nothing was deleted: `name` must be the property's name, as it is written.")
    properties.delete_everything(connection, caller.property_id)
    log.warning("a property was deleted by its owner", extra={"property_id": caller.property_id})
    return Response(status_code=204)


def _shown(connection: Connection, caller: Caller) -> dict[str, Any]:
    found = properties.settings(connection, caller.property_id)
    return {**found, "created_at": iso(found["created_at"])}
