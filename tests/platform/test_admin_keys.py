"""Keys and settings through the Admin API: made, rotated, revoked; never the last owner's."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest
from httpx import Response
from kiosk import Kiosk, Site, identify
from sqlalchemy import select, update

from lmg_offline.platform import keys
from lmg_offline.platform.admin_api.endpoints import PREFIX
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.verification import sign_user_id

OPEN = {"query": "mutation { createSession { token } }"}


def ask(site: Site, method: str, path: str, key: str | None = None, **options: Any) -> Response:
    """Ask the Admin API, as the owner unless another key is given."""
    headers = {"Authorization": f"Bearer {key or site.keys.admin_key}"}
    return site.http.request(method, f"{PREFIX}/{path}", headers=headers, **options)


def new_key(site: Site, role: str) -> tuple[str, str]:
    """Make an admin key; return its id and the key."""
    found = ask(site, "POST", "admin-keys", json={"name": role, "role": role})
    assert (201, "no-store") == (found.status_code, found.headers["cache-control"])
    return found.json()["id"], found.json()["admin_key"]


def opens(site: Site, write_key: str) -> int:
    """Open a session with a write key and return the status."""
    return site.post("/graph/auth", OPEN, **{"X-Integration-Write-Key": write_key}).status_code


def verified(site: Site, number: int, token: str) -> str:
    """Claim to be somebody, with a token; return what the session then is."""
    claim = [identify(1, "ann", verify=True, lane=f"s{number}")]
    reply = Kiosk(site, f"k{number}").one(claim, session=f"s{number}", token=token)
    return str(reply["state"])


def test_an_admin_key_is_shown_once_and_opens_until_it_is_rotated_or_revoked(site: Site) -> None:
    """Neither the list nor the database has it; the rotated one opens from then on, and nothing else."""
    key_id, first = new_key(site, "support")
    before = ask(site, "GET", "users", first).status_code
    second = ask(site, "POST", f"admin-keys/{key_id}/rotate").json()["admin_key"]
    after = [ask(site, "GET", "users", key).status_code for key in (first, second)]
    revoked = [ask(site, "DELETE", f"admin-keys/{key_id}").status_code for _ in range(2)]
    end = ask(site, "GET", "users", second).status_code
    listed = ask(site, "GET", "admin-keys")
    again = ask(site, "POST", f"admin-keys/{key_id}/rotate")

    assert (200, [401, 200], [204, 204], 401) == (before, after, revoked, end)
    assert [True, False] == sorted(row["revoked_at"] is None for row in listed.json()["items"])[::-1]
    kept = listed.text + str(site.rows(tables.admin_keys))
    assert not any(key in kept for key in (first, second))
    assert (409, "revoked") == (again.status_code, again.json()["detail"].split()[2].rstrip(";"))


def test_the_last_owner_stays(site: Site) -> None:
    """Whoever asks; with another owner there it goes."""
    (owner_id,) = [row["id"] for row in ask(site, "GET", "admin-keys").json()["items"]]
    refused = ask(site, "DELETE", f"admin-keys/{owner_id}")
    _, second = new_key(site, "owner")
    gone = ask(site, "DELETE", f"admin-keys/{owner_id}", second)

    assert (409, 204) == (refused.status_code, gone.status_code)
    assert 401 == ask(site, "GET", "users").status_code


def test_two_owners_who_revoke_each_other_leave_one(site: Site) -> None:
    """At the same moment, on whatever database: one of them comes second."""
    new_key(site, "owner")
    ids = [row["id"] for row in ask(site, "GET", "admin-keys").json()["items"]]
    barrier, ends = threading.Barrier(2), []

    def revoke(key_id: str) -> None:
        barrier.wait(10)
        with writing(site.engine) as connection:
            row = keys.get(connection, tables.admin_keys, "id", site.rows(tables.properties)[0]["id"], key_id)
            assert row is not None
            try:
                keys.revoke_admin_key(connection, row, 1)
                ends.append("revoked")
            except keys.KeyRefused:
                ends.append("refused")

    threads = [threading.Thread(target=revoke, args=(key_id,)) for key_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert ["refused", "revoked"] == sorted(ends)


def test_an_admin_makes_no_owner(site: Site) -> None:
    """Or they could do what only owners may."""
    (owner_id,) = [row["id"] for row in ask(site, "GET", "admin-keys").json()["items"]]
    _, admin = new_key(site, "admin")
    asked = [
        ask(site, "POST", "admin-keys", admin, json={"name": "x", "role": "owner"}),
        ask(site, "POST", f"admin-keys/{owner_id}/rotate", admin),
        ask(site, "DELETE", f"admin-keys/{owner_id}", admin),
        ask(site, "POST", "admin-keys", admin, json={"name": "x", "role": "dev"}),
    ]

    assert [403, 403, 403, 201] == [answer.status_code for answer in asked]


def test_a_rotated_write_key_is_good_for_a_while(site: Site) -> None:
    """Both keys open until the time is up; then the new one alone; a revoked integration has none."""
    (row,) = ask(site, "GET", "integrations").json()["items"]
    path = f"integrations/{row['id']}"
    rotated = ask(site, "POST", f"{path}/rotate", params={"grace_s": 3600}).json()
    within = [opens(site, key) for key in (site.keys.write_key, rotated["write_key"])]
    with writing(site.engine) as connection:
        connection.execute(update(tables.integrations).values(previous_key_until=1))
    beyond = [opens(site, key) for key in (site.keys.write_key, rotated["write_key"])]
    third = ask(site, "POST", f"{path}/rotate", params={"grace_s": 0}).json()["write_key"]
    at_once = [opens(site, key) for key in (rotated["write_key"], third)]
    revoked = ask(site, "DELETE", path).status_code
    renamed = ask(site, "PATCH", path, json={"name": "Old kiosks"}).json()

    assert ([200, 200], [401, 200], [401, 200], 204) == (within, beyond, at_once, revoked)
    assert 401 == opens(site, third)
    assert rotated["previous_key_until"] is not None
    assert ("Old kiosks", False) == (renamed["name"], renamed["revoked_at"] is None)
    assert 409 == ask(site, "POST", f"{path}/rotate").status_code


def test_several_verification_keys_are_accepted_until_they_are_retired(site: Site) -> None:
    """The successor at once, the one of before for as long as was said, a retired one never."""
    (row,) = ask(site, "GET", "verification-keys").json()["items"]
    path = f"verification-keys/{row['key_id']}"
    second = ask(site, "POST", f"{path}/rotate", params={"grace_s": 3600}).json()
    third = ask(site, "POST", "verification-keys", json={}).json()
    three = (site.keys.verification_key, second["verification_key"], third["verification_key"])
    within = [
        verified(site, number, sign_user_id(key, "ann"))
        for number, key in enumerate(three)
    ]
    with writing(site.engine) as connection:
        table = tables.verification_keys
        connection.execute(update(table).where(table.c.key_id == row["key_id"]).values(retires_at=1))
    ask(site, "DELETE", f"verification-keys/{third['key_id']}")
    beyond = [
        Kiosk(site, f"l{number}").one([identify(1, "ann", verify=True, lane=f"t{number}")], session=f"t{number}",
                                      token=sign_user_id(key, "ann"))["status"]
        for number, key in enumerate(three)
    ]  # fmt: skip
    active = {item["key_id"]: item["active"] for item in ask(site, "GET", "verification-keys").json()["items"]}

    assert ["verified"] * 3 == within
    assert "ok" == beyond[1] and "ok" not in (beyond[0], beyond[2])
    assert {row["key_id"]: False, second["key_id"]: True, third["key_id"]: False} == active
    assert 409 == ask(site, "POST", f"{path}/rotate").status_code
    secret = base64.b64decode(second["verification_key"]).decode().split(";")[1]
    assert secret not in ask(site, "GET", "verification-keys").text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "Ours", "time_zone": "America/Vancouver", "interest_half_life_days": 365}, 200),
        ({"bookmarking": "disabled", "redemption_audience": "verified", "token_max_age_s": 60}, 200),
        ({}, 200),
        ({"interest_half_life_days": 0}, 422),
        ({"interest_half_life_days": 366}, 422),
        ({"interest_half_life_days": "7"}, 422),
        ({"time_zone": "Mars/Olympus"}, 422),
        ({"bookmarking": "sometimes"}, 422),
        ({"tombstone_secret": "x"}, 422),
    ],
)
def test_settings_are_changed_by_name_and_checked(site: Site, change: dict[str, Any], status: int) -> None:
    """What is left out stays; nothing is changed by a request of which a part is wrong."""
    before = ask(site, "GET", "property").json()
    answer = ask(site, "PATCH", "property", json=change)
    after = ask(site, "GET", "property").json()

    assert status == answer.status_code, answer.text
    assert {**before, **(change if status == 200 else {})} == after
    assert "tombstone_secret" not in after


def test_a_property_is_deleted_by_its_name_and_nothing_of_it_is_left(site: Site) -> None:
    """In no table; its keys open nothing."""
    Kiosk(site, "k").one([identify(1, "ann", profile={"likes": ["a"], "name": "Ann"})])
    name = ask(site, "GET", "property").json()["name"]
    wrong = [ask(site, "DELETE", "property", params=params).status_code for params in ({}, {"name": name.upper()})]
    there = ask(site, "GET", "users").status_code
    done = ask(site, "DELETE", "property", params={"name": name}).status_code

    assert ([422, 422], 200, 204, 401) == (wrong, there, done, ask(site, "GET", "users").status_code)
    with site.engine.connect() as connection:
        left = {
            table.name: connection.execute(select(table)).all()
            for table in tables.metadata.sorted_tables
            if table.name != "alembic_version"
        }
    assert {} == {table: rows for table, rows in left.items() if rows}
