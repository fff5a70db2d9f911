"""The short way through a schema and marshmallow's own: the same value, or the same complaint."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import EXCLUDE, Schema, fields, post_load
from marshmallow import ValidationError as SchemaError
from properties.search import search

from lmg_offline.protocol import entries, profile, quick, replay

SCHEMAS: dict[str, Schema] = {
    "device": replay._DEVICE,
    "lanes": replay._LANES,
    "reply": replay._REPLY,
    "position": replay._POSITION,
    "app profile": profile._APP,
    "wire profile": profile._WIRE,
    **entries._SCHEMAS,
}
POSITION = {"seq": 1, "id": "a"}
ENTRY = {"seq": 1, "id": "a", "kind": "track", "made_at": 1, "age_ms": None, "payload": {}}
LANE = {"session_id": "s", "after": POSITION, "token": None, "entries": [ENTRY], "identity": None}
LANE_REPLY = {"session_id": "s", "status": "ok", "applied_through": POSITION, "state": "verified",
              "refused": [{"seq": 1, "id": "a", "code": "c", "message": ""}], "conflicts": []}  # fmt: skip
# Right for some field, wrong for others.
VALUES = st.sampled_from((
    None, True, False, 0, 1, -1, 2**53 + 1, 1.0, "", "a", "a" * 400, "\0", "\ud800", "ok", "verified", "male",
    "a@example.com", "1990-02-28", "1990-02-30", [], ["a"], ["a", None], [1, 2], [None], {}, {"a": 1}, POSITION,
    {**POSITION, "more": 1}, [ENTRY], [{**ENTRY, "seq": 0}], [LANE], [{**LANE, "entries": [{}]}], [LANE_REPLY],
    {"user_id": "u", "verified": False}, ("a",), {"seq": 0, "id": None}, {"seq": 0, "id": "a"},
))  # fmt: skip


def outcome(load: Any, value: Any) -> Any:
    """What comes of loading a value of its own."""
    try:
        return load(copy.deepcopy(value))
    except SchemaError as error:
        return "refused", error.normalized_messages()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", SCHEMAS)
def test_both_ways_say_the_same(name: str) -> None:
    """Of documents that have some of the fields, with values that may be theirs."""
    schema = SCHEMAS[name]
    known = dict.fromkeys([*schema.load_fields, "unheard"], VALUES)

    @given(value=st.fixed_dictionaries({}, optional=known) | VALUES)
    @search(300)
    def check(value: Any) -> None:
        assert outcome(schema.load, value) == outcome(lambda given: quick.load(schema, given), value)

    check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lanes", {"lanes": [LANE, {**LANE, "session_id": "t", "more": 1}]}),
        ("reply", {"protocol": 1, "time": 1, "settings": {}, "lanes": [LANE_REPLY]}),
        ("track", {"name": "a", "properties": {"b": 1}}),
        ("update", {"profile": {"email": "a@example.com", "own": ["b"]}}),
        ("wire profile", {"email": "a@example.com", "birthday": "1990-02-28", "gender": None}),
    ],
)
def test_what_is_right_is_read_by_the_short_way(name: str, value: dict[str, Any], monkeypatch: Any) -> None:
    """marshmallow is not asked."""
    schema = SCHEMAS[name]
    wanted = outcome(schema.load, value)
    monkeypatch.setattr(type(schema), "load", None)

    assert wanted == outcome(lambda given: quick.load(schema, given), value)


def test_a_schema_that_does_more_than_its_fields_is_not_taken() -> None:
    """Hooks would be passed over in silence."""

    class Hooked(Schema):
        name = fields.String()

        @post_load
        def changed(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {**data, "more": 1}

    class Including(Schema):
        class Meta:
            unknown = "include"

    class Open(Schema):
        name = fields.String()

        class Meta:
            unknown = EXCLUDE

    for schema in (Hooked(), Including()):
        with pytest.raises(TypeError, match="load it by itself"):
            quick.load(schema, {"name": "a"})
    assert {"name": "a"} == quick.load(Open(), {"name": "a", "more": 1})
