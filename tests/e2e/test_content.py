"""Search and collections through the SDK, against a real platform, in both dialects."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmg_offline import Client, OfflineError
from tests.e2e.conftest import Serve
from tests.e2e.support import Admin, client_of

KELOWNA, VANCOUVER = (49.888, -119.496), (49.283, -123.121)


def fill(admin: Admin) -> None:
    """Put three businesses, one of them in two cities."""
    admin.ask("PUT", "categories/food", {"name": "Food + Drink"})
    for key, name, places in (
        ("b1", "Café Olé", (KELOWNA,)),
        ("b2", "Pizza Palace", (KELOWNA, VANCOUVER)),
        ("b3", "Bowling", (VANCOUVER,)),
    ):
        document = {"name": name, "categories": [] if key == "b3" else ["food"], "priority": 5 if key == "b2" else 0}
        admin.ask("PUT", f"businesses/{key}", document)
        for number, (latitude, longitude) in enumerate(places):
            place = {"business_id": key, "name": name, "latitude": latitude, "longitude": longitude}
            admin.ask("PUT", f"locations/{key}-{number}", place)
    admin.ask("PUT", "offers/o1", {"business_id": "b3", "headline": "Half price pizza and lanes"})
    circle = {"centre": [KELOWNA[1], KELOWNA[0]], "radius_m": 30_000}
    food = {"categories": ["food"]}
    admin.ask("PUT", "collections/all", {"name": "All", "filter": food, "order": "priority", "tags": ["t"]})
    admin.ask("PUT", "collections/here", {"name": "Here", "filter": {"region": circle}})
    admin.ask(
        "PUT", "collections/kelowna", {"name": "Kelowna", "filter": food, "discoverability": {"region": circle}}
    )


def search(client: Client, words: str) -> list[str]:
    """Return the ids of what is found."""
    return [business.id for business in client.business.list(search=words, timeout=20)]


def test_search_online_and_off(serve: Serve, tmp_path: Path) -> None:
    """Words, beginnings, slips and accents; offline, the last answer to the same words."""
    with serve() as platform:
        fill(Admin(platform))
        client = client_of(platform, tmp_path / "j")
        assert ["b2", "b3"] == search(client, "pizza")
        assert ["b1"] == search(client, "cafe ole") == search(client, "CAFE\u0301") == search(client, "olé!")
        assert ["b2"] == search(client, "piza palce")
        assert [] == search(client, '"pizza* OR')
        client.set_ordering_point(*VANCOUVER)
        assert ["b2", "b3"] == search(client, "pizza")
        client.set_ordering_point(None)
        client.set_context_geo_circle(VANCOUVER, 20_000)
        assert (["b2", "b3"], []) == (search(client, "pizza"), search(client, "cafe"))
        client.set_context_geo_circle(None)
        first = client.business.list(search="pizza", limit=1, timeout=20)
        second = client.business.list(search="pizza", limit=1, cursor=first.next_cursor, timeout=20)
        assert (["b2"], ["b3"], None) == ([b.id for b in first], [b.id for b in second], second.next_cursor)
        for term in ("cafe", "pizza"):
            client.search.save_term(term)
    page = client.business.list(search="pizza", timeout=20)
    assert (["b2", "b3"], True) == ([business.id for business in page], page.stale)
    assert ["pizza", "cafe"] == client.search.recent_terms()
    with pytest.raises(OfflineError):
        search(client, "never asked before")
    client.user.reset_session()
    assert [] == client.search.recent_terms()
    client.close()


def test_collections_under_the_global_filter(serve: Serve, dialect: str, tmp_path: Path) -> None:
    """The ordering point is told to our platform alone: the real one has no place for it in this list."""
    with serve() as platform:
        fill(Admin(platform))
        client = client_of(platform, tmp_path / "j")

        def listed() -> list[str]:
            return [collection.id for collection in client.collection.list(timeout=20)]

        def held(collection_id: str) -> list[str]:
            return [business.id for business in client.collection.business.list(collection_id, timeout=20)]

        assert ["all", "here"] == listed()
        assert ["all"] == [collection.id for collection in client.collection.list(tags=["t"])]
        assert "Kelowna" == client.collection.get("kelowna").name
        assert (["b2", "b1"], ["b1", "b2"]) == (held("all"), held("here"))
        client.set_ordering_point(*KELOWNA)
        assert ["all", "here", *(["kelowna"] if dialect == "replay" else [])] == listed()
        client.set_ordering_point(*VANCOUVER)
        assert ["all", "here"] == listed()
        assert ["b2", "b1"] == held("kelowna")
        client.set_ordering_point(None)
        client.set_context_geo_circle(KELOWNA, 5_000)
        assert ["all", "here", "kelowna"] == listed()
        client.set_context_geo_circle(VANCOUVER, 5_000)
        assert (["all"], ["b2"]) == (listed(), held("all"))
        assert [] == held("here")
    assert (["all"], ["b2"]) == (listed(), held("all"))
    client.close()
