"""
The endpoints of the Admin API, in one table: path, handler, roles, what is sent and what comes back.

To add one, write its handler and its schema, and a row here: the server, the
OpenAPI description, and the tests of both and of the roles follow the table.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from lmg_offline.platform.admin_api import audience, content, keys, privacy, reports, schemas, segments, settings
from lmg_offline.platform.admin_api.access import EDITORS, KEEPERS, OWNERS, READERS, SETTERS
from lmg_offline.platform.admin_api.endpoints import PAGING, Endpoint, Query, routes_of
from lmg_offline.platform.admin_api.openapi import description, served
from lmg_offline.platform.reports.growth import MOST_DAYS
from lmg_offline.platform.segments import schema as rule_schema

_ADMIN_KEY, _ADMIN_KEYS = schemas.NewAdminKeySchema(), schemas.page_of(schemas.AdminKeySchema)
_INTEGRATION, _INTEGRATIONS = schemas.NewIntegrationSchema(), schemas.page_of(schemas.IntegrationSchema)
_VERIFICATION_KEYS = schemas.page_of(schemas.VerificationKeySchema)
_SEGMENT, _SEGMENT_BODY = schemas.SegmentSummarySchema(), schemas.SegmentBodySchema()
_MEMBERS = schemas.page_of(schemas.UserSummarySchema)
_BY = Query(
    "by", "`gender`, `age_band` or `trait:` and a name.", {"type": "string", "pattern": "^(gender|age_band|trait:.+)$"},
    required=True,
)  # fmt: skip
_SEGMENT_ID = Query("segment", "Over the people of one segment; over everybody without it.")
_DAYS = Query("days", "How many days, today included.", {"type": "integer", "minimum": 1, "maximum": MOST_DAYS})
_INTERESTED = Query("user_id", "Of one person; of everybody or a segment without it.")
_DETAIL = Query("detail", "1: with states, percentages and how many people.", {"enum": ["0", "1"]})
_EXPLAIN = Query("explain", "1: with what gave a person's categories their points.", {"enum": ["0", "1"]})
_FORMAT = Query("format", "Of the file.", {"enum": ["csv", "ndjson"], "default": "ndjson"})
_OF_DEVICE = Query("device_id", "Of one device alone.")
_OF_USER = Query("user_id", "About one person alone.")
_CONFIRM = Query("name", "The property's name, to make sure.", required=True)
_WRITE_KEY_GRACE = keys.grace(keys.WRITE_KEY_GRACE_S)
_VERIFICATION_KEY_GRACE = keys.grace(keys.VERIFICATION_KEY_GRACE_S)
_FILES = ("text/csv", "application/x-ndjson")

# A user id may hold any character, a slash too, and some do not encode it: the longer paths come first.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/users", audience.list_users, READERS, "People", _MEMBERS, PAGING),
    Endpoint("GET", "/users/{user_id:path}/activity", audience.list_activity, READERS, "People",
             schemas.page_of(schemas.ActivitySchema), PAGING),
    Endpoint("GET", "/users/{user_id:path}/export", privacy.export_user, KEEPERS, "Privacy",
             schemas.ExportSchema(), reads=False),
    Endpoint("GET", "/users/{user_id:path}", audience.get_user, READERS, "People", schemas.UserSchema()),
    Endpoint("DELETE", "/users/{user_id:path}", privacy.erase_user, KEEPERS, "Privacy"),
    Endpoint("GET", "/privacy-log", privacy.list_privacy_log, KEEPERS, "Privacy",
             schemas.page_of(schemas.PrivacyEventSchema), (*PAGING, _OF_USER)),
    Endpoint("GET", "/devices", audience.list_devices, READERS, "Devices",
             schemas.page_of(schemas.DeviceSchema), PAGING),
    Endpoint("GET", "/entries", audience.list_entries, READERS, "Devices",
             schemas.page_of(schemas.EntrySchema), (*PAGING, _OF_DEVICE)),
    Endpoint("GET", "/reports/demographics", reports.report_demographics, READERS, "Reports",
             schemas.DemographicsSchema(), (_BY, _SEGMENT_ID, _DETAIL), problems=(404,)),
    Endpoint("GET", "/reports/users", reports.report_users, READERS, "Reports", schemas.GrowthSchema(),
             (_DAYS, _SEGMENT_ID), problems=(404,)),
    Endpoint("GET", "/reports/interests", reports.report_interests, READERS, "Reports", schemas.InterestsSchema(),
             (_INTERESTED, _SEGMENT_ID, _DETAIL, _EXPLAIN), problems=(404,)),
    Endpoint("GET", "/segments", segments.list_segments, READERS, "Segments",
             schemas.page_of(schemas.SegmentSummarySchema), PAGING),
    Endpoint("POST", "/segments", segments.create_segment, EDITORS, "Segments", _SEGMENT, body=_SEGMENT_BODY,
             statuses=(201,)),
    Endpoint("POST", "/segments/preview", segments.preview_segment, READERS, "Segments", schemas.CountSchema(),
             body=schemas.RuleBodySchema(), reads=True),
    Endpoint("GET", "/segments/rule-schema", segments.rule_schema, READERS, "Segments", {"type": "object"},
             media_types=("application/schema+json",)),
    Endpoint("GET", "/segments/{segment_id}", segments.get_segment, READERS, "Segments", schemas.SegmentSchema()),
    Endpoint("PUT", "/segments/{segment_id}", segments.put_segment, EDITORS, "Segments", _SEGMENT, body=_SEGMENT_BODY,
             statuses=(200, 201)),
    Endpoint("DELETE", "/segments/{segment_id}", segments.delete_segment, EDITORS, "Segments"),
    Endpoint("GET", "/segments/{segment_id}/members", segments.list_members, READERS, "Segments", _MEMBERS, PAGING),
    Endpoint("GET", "/segments/{segment_id}/members/{user_id:path}", segments.get_member, READERS, "Segments",
             schemas.MembershipSchema()),
    Endpoint("GET", "/segments/{segment_id}/export", segments.export_segment, EDITORS, "Segments", {"type": "string"},
             (_FORMAT,), media_types=_FILES, reads=False),
    *content.endpoints(),
    Endpoint("GET", "/property", settings.get_property, READERS, "Property", schemas.PropertySchema()),
    Endpoint("PATCH", "/property", settings.change_property, SETTERS, "Property", schemas.PropertySchema(),
             body=schemas.PropertyBodySchema()),
    Endpoint("DELETE", "/property", settings.delete_property, OWNERS, "Property", query=(_CONFIRM,)),
    Endpoint("GET", "/integrations", keys.list_integrations, SETTERS, "Keys", _INTEGRATIONS, PAGING),
    Endpoint("POST", "/integrations", keys.create_integration, SETTERS, "Keys", _INTEGRATION,
             body=schemas.IntegrationBodySchema(), statuses=(201,)),
    Endpoint("PATCH", "/integrations/{key_id}", keys.rename_integration, SETTERS, "Keys", schemas.IntegrationSchema(),
             body=schemas.IntegrationNameSchema()),
    Endpoint("POST", "/integrations/{key_id}/rotate", keys.rotate_write_key, SETTERS, "Keys", _INTEGRATION,
             (_WRITE_KEY_GRACE,), problems=(409,)),
    Endpoint("DELETE", "/integrations/{key_id}", keys.revoke_integration, SETTERS, "Keys"),
    Endpoint("GET", "/verification-keys", keys.list_verification_keys, SETTERS, "Keys", _VERIFICATION_KEYS, PAGING),
    Endpoint("POST", "/verification-keys", keys.create_verification_key, SETTERS, "Keys",
             schemas.NewVerificationKeySchema(), body=schemas.VerificationKeyBodySchema(), statuses=(201,)),
    Endpoint("POST", "/verification-keys/{key_id}/rotate", keys.rotate_verification_key, SETTERS, "Keys",
             schemas.NewVerificationKeySchema(), (_VERIFICATION_KEY_GRACE,), statuses=(201,), problems=(409,)),
    Endpoint("DELETE", "/verification-keys/{key_id}", keys.retire_verification_key, SETTERS, "Keys"),
    Endpoint("GET", "/admin-keys", keys.list_admin_keys, SETTERS, "Keys", _ADMIN_KEYS, PAGING),
    Endpoint("POST", "/admin-keys", keys.create_admin_key, KEEPERS, "Keys", _ADMIN_KEY,
             body=schemas.AdminKeyBodySchema(), statuses=(201,)),
    Endpoint("POST", "/admin-keys/{key_id}/rotate", keys.rotate_admin_key, KEEPERS, "Keys", _ADMIN_KEY,
             problems=(409,)),
    Endpoint("DELETE", "/admin-keys/{key_id}", keys.revoke_admin_key, KEEPERS, "Keys", problems=(409,)),
)  # fmt: skip

DESCRIPTION = description(ENDPOINTS, {"SegmentRule": rule_schema.document()["$defs"]["rule"]})

routes: list[BaseRoute] = [Route("/admin/openapi.json", served(DESCRIPTION)), *routes_of(ENDPOINTS)]

_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def may(role: str, operation: str) -> bool:
    """
    Whether a role may do something, named as in the OpenAPI description (`put_offer`).

    Raises:
        KeyError: There is no such operation.
    """
    return role in _BY_NAME[operation].roles
