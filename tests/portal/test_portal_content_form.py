"""Forms made from the schemas of content: what is in them, and that a document goes in and comes back the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from marshmallow import ValidationError

from lmg_offline.platform.content.schemas import BY_KIND
from lmg_offline.platform.portal import content_form

FULL: dict[str, dict[str, Any]] = {
    "businesses": {"name": "Café", "slogan": "Hot", "desc": "one\ntwo", "categories": ["a", "b"], "enabled": False,
                   "profile_images": [{"url": "https://example.com/x"}], "short_name": "C"},
    "locations": {"business_id": "cafe", "name": "Main", "latitude": -12.5, "longitude": 0.25,
                  "address": {"city": "Kelowna", "timezone": "America/Vancouver"}},
    "offers": {"business_id": "cafe", "headline": "Coffee", "promo_code": "X", "location_ids": ["main"],
               "redemption": {"kind": "timed", "ready_s": 300, "limits": {"per_profile": {"total": 1}}}},
    "collections": {"name": "Warm", "priority": -3, "filter": {"tags": ["warm"]}, "business_ids": ["cafe"]},
    "categories": {"name": "Food", "slug": "food-drink"},
}  # fmt: skip


def typed(kind: str, document: dict[str, Any]) -> dict[str, str]:
    """What a browser sends of the form: no tick that is not set, and CR LF read back as LF."""
    return {each.name: each.text for each in content_form.inputs(kind, document) if each.kind != "tick" or each.text}


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_document_comes_back_from_its_form_as_it_was(kind: str) -> None:
    """Whatever its fields are."""
    stored = json.loads(json.dumps(BY_KIND[kind].load(FULL[kind])))

    assert stored == json.loads(json.dumps(content_form.read(kind, typed(kind, stored))))


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_empty_form_lacks_what_is_required_and_nothing_else(kind: str) -> None:
    """What may be left out has what is assumed without it."""
    required = {each.name for each in content_form.inputs(kind, {}) if each.is_required}
    with pytest.raises(ValidationError) as found:
        content_form.read(kind, typed(kind, {}))

    assert required == set(found.value.messages)
    least = typed(kind, {}) | dict.fromkeys(required, "x")
    assert BY_KIND[kind].load(dict.fromkeys(required, "x")) == content_form.read(kind, least)


@pytest.mark.parametrize(
    ("kind", "fields", "name", "sentence"),
    [
        ("locations", {"latitude": "91"}, "latitude", "Must be"),
        ("locations", {"latitude": "north"}, "latitude", "Not a valid number."),
        ("locations", {"address": "{"}, "address", "Is not JSON."),
        ("locations", {"address": '{"city": "\\u0000"}'}, "address", "Is not JSON."),
        ("locations", {"address": '{"city": "\\ud800"}'}, "address", "Is not JSON."),
        ("locations", {"address": '{"timezone": "Mars"}'}, "address", "timezone: Must be the IANA name"),
        ("locations", {"latitude": "NaN"}, "latitude", "Special numeric values"),
        ("locations", {"tags": "x" * 129}, "tags", "0: Length must be between 1 and 128."),
        ("locations", {"address": "[" * 100_000}, "address", "Is not JSON."),
    ],
)
def test_what_is_wrong_is_told_by_field(kind: str, fields: dict[str, str], name: str, sentence: str) -> None:
    """In words, with the place in what is nested."""
    with pytest.raises(ValidationError) as found:
        content_form.read(kind, typed(kind, BY_KIND[kind].load(FULL[kind])) | fields)

    messages = found.value.messages
    assert isinstance(messages, dict)
    assert [name] == list(messages)
    assert sentence in messages[name][0]
