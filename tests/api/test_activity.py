"""The activity that the platform knows by name, journaled and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import Client, ShareMethod, ValidationError
from lmg_offline.activity import Activity

Call = Callable[[Activity], Any]


@dataclass
class Written:
    """A session that remembers its entries."""

    entries: list[tuple[str, str]] = field(default_factory=list)

    def append(self, kind: str, body: str) -> str:
        """Journal one entry."""
        self.entries.append((kind, body))
        return "receipt"


@pytest.fixture
def written() -> Written:
    """What is journaled."""
    return Written()


@pytest.fixture
def activity(written: Written) -> Activity:
    """The namespace over it."""
    return Activity(written)  # type: ignore[arg-type]  # all of a session that it uses


@pytest.mark.parametrize(
    ("call", "name", "properties"),
    [
        pytest.param(lambda a: a.offer_shown("o"), "offer_shown", {"offer_id": "o"}, id="an offer shown"),
        pytest.param(lambda a: a.offer_viewed("o", "b", ["l", "m"]), "offer_viewed",
                     {"offer_id": "o", "business_id": "b", "location_ids": ["l", "m"]}, id="an offer viewed"),
        pytest.param(lambda a: a.offer_card_swiped("o", location_ids=("l",)), "offer_card_swiped",
                     {"offer_id": "o", "location_ids": ["l"]}, id="a card swiped"),
        pytest.param(lambda a: a.offer_shared("o", ShareMethod.SMS, "b"), "offer_shared",
                     {"offer_id": "o", "business_id": "b", "method": "sms"}, id="an offer shared"),
        pytest.param(lambda a: a.offer_shared("o"), "offer_shared",
                     {"offer_id": "o", "method": "unknown"}, id="an offer shared somehow"),
        pytest.param(lambda a: a.offer_state_change_error("o", "no signal", action="redeem", state="available",
                                                          business_id="b", location_ids=["l"]),
                     "offer_state_change_error",
                     {"offer_id": "o", "business_id": "b", "location_ids": ["l"], "message": "no signal",
                      "action": "redeem", "state": "available"}, id="a state that did not change"),
        pytest.param(lambda a: a.business_shown("b"), "business_shown", {"business_id": "b"}, id="a business shown"),
        pytest.param(lambda a: a.business_viewed("b", ["l"]), "business_viewed",
                     {"business_id": "b", "location_ids": ["l"]}, id="a business viewed"),
        pytest.param(lambda a: a.business_called("b"), "business_called", {"business_id": "b"}, id="a call"),
        pytest.param(lambda a: a.business_shared("b", "email"), "business_shared",
                     {"business_id": "b", "method": "email"}, id="a business shared"),
        pytest.param(lambda a: a.business_website_visited("b"), "business_website_visited",
                     {"business_id": "b"}, id="a website"),
        pytest.param(lambda a: a.collection_viewed("c"), "collection_viewed", {"collection_id": "c"},
                     id="a collection viewed"),
        pytest.param(lambda a: a.collections_listed(), "collections_listed", {}, id="collections listed"),
        pytest.param(lambda a: a.collections_listed("food"), "collections_listed", {"tag": "food"}, id="of a tag"),
        pytest.param(lambda a: a.sdk_initialized(), "sdk_initialized", {}, id="the SDK is ready"),
        pytest.param(lambda a: a.session_error("expired"), "session_error", {"message": "expired"}, id="a failure"),
    ],
)  # fmt: skip
def test_each_named_activity_is_one_track_entry(
    activity: Activity, written: Written, call: Call, name: str, properties: dict[str, Any]
) -> None:
    """With the platform's name, and properties for what was given alone."""
    receipt = call(activity)

    [(kind, body)] = written.entries
    assert ("receipt", "track") == (receipt, kind)
    assert {"name": name, "properties": properties} == json.loads(body)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        pytest.param(lambda a: a.offer_shown(""), "offer_id", id="no offer"),
        pytest.param(lambda a: a.offer_viewed(7), "offer_id", id="a number"),
        pytest.param(lambda a: a.offer_shared("o", "pigeon"), "method", id="an unknown way"),
        pytest.param(lambda a: a.offer_shared("o", None), "method", id="no way"),
        pytest.param(lambda a: a.offer_card_swiped("o", "x" * 129), "business_id", id="too long an id"),
        pytest.param(lambda a: a.business_viewed("b", "l"), "location_ids", id="one text for a list"),
        pytest.param(lambda a: a.business_viewed("b", ["l", "\0"]), "location_ids.1", id="a place that is none"),
        pytest.param(lambda a: a.business_shown("b", ["x" * 128] * 300), "properties", id="too many places"),
        pytest.param(lambda a: a.collection_viewed("\ud800"), "collection_id", id="a lone surrogate"),
        pytest.param(lambda a: a.collections_listed(""), "tag", id="an empty tag"),
        pytest.param(lambda a: a.session_error("x" * 4097), "message", id="too long a message"),
        pytest.param(lambda a: a.offer_state_change_error("o", "m", action=""), "action", id="an empty action"),
    ],
)
def test_what_the_platform_would_not_take_is_refused_at_the_call(
    activity: Activity, written: Written, call: Call, fault: str
) -> None:
    """Named, and nothing is journaled."""
    with pytest.raises(ValidationError) as raised:
        call(activity)

    assert ([fault], []) == (raised.value.fields, written.entries)


def test_a_named_activity_is_queued_like_any_other(tmp_path: Path) -> None:
    """On disk when the call returns."""
    with Client("wk", data_dir=tmp_path, sync=False) as client:
        receipt = client.activity.offer_shared("o", ShareMethod.COPY)

        assert ("journaled", 1) == (receipt.state, client.status().queued)
