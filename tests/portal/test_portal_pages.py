"""What the pages show and do, on both databases, to somebody without scripts."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event, update
from visitor import AGES, PROPERTY, YEAR, Device, Visitor, put_content, put_segment, signed_in

from lmg_offline.platform.content import store as content
from lmg_offline.platform.portal import queries, wording
from lmg_offline.platform.portal.charts import bars, columns
from lmg_offline.platform.segments import store as segments
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol import replay

EVIL = '<img src=x onerror="window.hit=1">\'"</td></script>{{71*73}}\u202e'


def words(answer: Any) -> str:
    """The text of a page, tags taken out."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.text)))


@pytest.fixture
def guest(furnished: Running) -> Visitor:
    """Somebody who may do everything, on either database."""
    return signed_in(furnished)


def test_the_overview_counts_users_sessions_devices_and_refusals(guest: Visitor) -> None:
    """As they were put in."""
    shown = words(guest.get())

    for expected in ("Users 7 ", "Verified 1 ", "Identified 6 ", "Anonymous 1 ", "Devices 2 ", "Refused entries 1 "):
        assert expected in shown
    assert "7 in the last 30 days" in shown
    assert "7 in the last 14 days" in shown


def test_counts_by_day_end_with_today_and_have_no_gaps(furnished: Running) -> None:
    """A day without anybody is a zero; the day is UTC's."""
    now_ms = time.time_ns() // 1_000_000
    noon = now_ms - now_ms % 86_400_000 + 43_200_000
    with writing(furnished.engine) as connection:
        connection.execute(update(tables.users).values(first_seen_at=noon))
        found = queries.new_per_day(connection, PROPERTY, now_ms, 5)
        later = queries.new_per_day(connection, PROPERTY, now_ms + 3 * 86_400_000, 5)

    assert [0, 0, 0, 0, 7] == [count for _, count in found]
    assert [0, 7, 0, 0, 0] == [count for _, count in later]
    assert wording.instant(now_ms)[:10] == found[-1][0].isoformat()


def test_the_audience_page_shows_each_report_as_chart_and_table(guest: Visitor) -> None:
    """Gender, age, the trait that is chosen, interests; what is missing is said."""
    answer = guest.get("/audience", trait="education")
    shown = words(answer)

    assert 4 == answer.text.count('<svg class="chart')
    assert 4 == answer.text.count("<table>")
    assert "6 of 7 users; 1 without" in shown
    assert "Female 3 42.9%" in shown and "Male 3 42.9%" in shown
    assert "food 100.0%" in shown
    assert all(f" {years} " in shown for years in range(8, 14))
    assert guest.get("/audience", trait="no such trait").status_code == 200


def test_the_audience_page_shows_a_segment(furnished: Running, guest: Visitor) -> None:
    """Each report of its people alone; one of another property, or none, is not there."""
    put_segment(furnished.engine, "men", "Men", {"attribute": "gender", "op": "==", "value": "male"})
    shown = words(guest.get("/audience", segment="men", trait="education"))

    assert "3 of 3 users; 0 without" in shown
    assert "Male 3 100.0%" in shown
    assert "Female" not in shown
    assert '<option value="men" selected>Men</option>' in guest.get("/audience", segment="men").text
    assert 404 == guest.get("/audience", segment="nobody's").status_code


def test_devices_are_listed_with_how_far_they_lag(furnished: Running, guest: Visitor) -> None:
    """The longest silent first."""
    hours = 5 * 3600 * 1000 + 60_000
    devices = tables.devices
    with writing(furnished.engine) as connection:
        connection.execute(
            update(devices)
            .where(devices.c.device_id == "kiosk-1")
            .values(last_seen_at=time.time_ns() // 1_000_000 - hours, clock_offset_s=-90.4)
        )
    shown = words(guest.get("/devices"))

    assert re.search(r"kiosk-1 5 hours \d{4}-\d\d-\d\d \d\d:\d\d:\d\d 90 s behind 5 kiosk-0 under a minute", shown), (
        shown
    )


def test_a_person_is_found_by_their_id_and_shown_with_where_each_value_came_from(guest: Visitor) -> None:
    """Device, session, time, verified or not."""
    found = guest.get("/users", id="person-0")
    verified, identified = words(guest.get("/user", id="person-0")), words(guest.get("/user", id="person-1"))
    row = r"education 8 Verified \d{4}-\d\d-\d\d \d\d:\d\d:\d\d kiosk-0 [0-9a-f-]{36} "

    assert (303, "/portal/user?id=person-0") == (found.status_code, found.headers["location"])
    assert re.search(row, verified), verified
    assert f"birthday {YEAR - AGES[1]}-01-01 Identified" in identified
    assert 'offer_viewed {"offer_id":"coffee"} kiosk-0' in verified
    assert "food 100.0%" in verified
    assert "There is nobody with this id." in words(guest.get("/users", id="nobody"))


def test_activity_is_read_a_page_at_a_time(furnished: Running, guest: Visitor) -> None:
    """Each of it once, the oldest first."""
    Device(furnished).send("busy", None, *(("walked", {"step": number}) for number in range(120)))
    seen: list[int] = []
    page: Any = guest.get("/user", id="busy")
    while True:
        seen += [int(step) for step in re.findall(r'{"step":(\d+)}', html.unescape(page.text))]
        following = re.search(r'href="(/portal/user\?cursor=[^"]+)">Next', page.text)
        if following is None:
            break
        page = guest.http.get(html.unescape(following[1]))
    guest.post("/user/erase", id="busy", sure="yes")

    assert list(range(120)) == seen


def test_a_person_is_exported_as_the_admin_api_exports_them(furnished: Running, guest: Visitor) -> None:
    """As a file to be saved."""
    answer = guest.post("/user/export", id="person-0")
    api = guest.http.get("/admin/v1/users/person-0/export", headers={"Authorization": f"Bearer {furnished.admin_key}"})

    ours, theirs = answer.json(), api.json()

    # The second one holds the first, too: both are written down before they are sent.
    assert 1 + len(ours.pop("privacy_log")) == len(theirs.pop("privacy_log"))
    assert theirs == ours
    assert answer.headers["content-disposition"].startswith("attachment")


def test_erasing_asks_first_and_is_noted_with_the_key(furnished: Running, guest: Visitor) -> None:
    """Without the tick nothing is erased."""
    Device(furnished).send("goes", {"name": "Goes"})
    asked = guest.get("/user/erase", id="goes")
    unsure = guest.post("/user/erase", id="goes")
    still = guest.get("/user", id="goes").status_code
    done = guest.post("/user/erase", id="goes", sure="yes")

    assert ("Yes, erase this person" in asked.text, 422, 200) == (True, unsure.status_code, still)
    assert (303, "/portal/users?done=erased") == (done.status_code, done.headers["location"])
    assert 404 == guest.get("/user", id="goes").status_code
    log = guest.http.get(
        "/admin/v1/privacy-log?user_id=goes", headers={"Authorization": f"Bearer {furnished.admin_key}"}
    ).json()["items"]
    assert [("erasure", "admin_key", "owner")] == [(each["event"], each["asked_by"], each["role"]) for each in log]
    assert 404 == guest.post("/user/erase", id="goes", sure="yes").status_code


def test_a_segment_is_built_counted_kept_changed_and_deleted_without_scripts(
    furnished: Running, guest: Visitor
) -> None:
    """By the form's buttons alone."""
    start = {"id": "", "name": "Old and learned", "g1-match": "all"}
    first = {"g1-c1-kind": "age", "g1-c1-op": ">=", "g1-c1-value": "30", "g1-c1-name": "", "g1-c1-days": ""}
    grown = guest.post("/segment/edit", **start, **first, do="condition:1")
    second = {"g1-c2-kind": "trait", "g1-c2-name": "education", "g1-c2-op": "<", "g1-c2-value": "10"}
    counted = guest.post("/segment/edit", **start, **first, **second, do="count")
    wrong = guest.post("/segment/save", **start, **first, **{**second, "g1-c2-name": ""})
    kept = guest.post("/segment/save", **start, **first, **second)
    page = guest.http.get(kept.headers["location"])
    segment_id = kept.headers["location"].split("id=")[1].split("&")[0]
    with furnished.engine.begin() as connection:
        stored = segments.get(connection, PROPERTY, segment_id)

    assert "Condition 1.2" in grown.text and 'id="g1-c2-kind" name="g1-c2-kind" data-kind autofocus' in grown.text
    assert "2 of 7 people" in words(counted)
    assert 422 == wrong.status_code and "Must be a text of 1 to 128 characters." in words(wrong)
    assert 303 == kept.status_code
    assert "Saved." in words(page) and "2 of 7 people" in words(page) and "person-1" in page.text
    assert stored is not None
    assert {"all": [{"attribute": "age", "op": ">=", "value": 30},
                    {"trait": "education", "op": "<", "value": 10}]} == stored.document  # fmt: skip
    assert "Yes education < 10 has 9" in words(guest.get("/segment/reason", id=segment_id, user="person-1"))
    assert "is not in" in words(guest.get("/segment/reason", id=segment_id, user="person-5"))
    assert 303 == guest.post("/segment/delete", id=segment_id).status_code
    assert 404 == guest.get("/segment", id=segment_id).status_code


def test_the_script_is_answered_with_a_count_or_with_faults(guest: Visitor) -> None:
    """Faults by the condition's number."""
    form = {"g1-match": "none", "g1-c1-kind": "gender", "g1-c1-op": "==", "g1-c1-value": "male"}
    good = guest.post("/segment/preview", **form).json()
    bad = guest.post("/segment/preview", **{**form, "g1-c1-kind": "age"}).json()

    assert {"count": 4, "total": 7, "faults": {}} == good
    assert {"count": None, "faults": {"1.1": ["An age is a whole number of years, 0 to 200."]}} == bad


def test_a_rule_that_is_too_deep_for_the_form_is_edited_as_json(furnished: Running, guest: Visitor) -> None:
    """And goes back to the form when it fits."""
    deep = {"all": [{"any": [{"all": [{"state": "verified"}]}]}]}
    put_segment(furnished.engine, "deep", "Deep", deep)
    shown = guest.get("/segment/edit", id="deep")
    stays = guest.post("/segment/edit", id="deep", name="Deep", rule=json.dumps(deep), do="form")
    fits = guest.post("/segment/edit", id="deep", name="Deep", rule='{"state": "verified"}', do="form")
    back = guest.post("/segment/edit", id="deep", name="Deep", **{"g1-c1-kind": "verified"}, do="json")
    wrong = guest.post("/segment/save", id="deep", name="Deep", rule='{"all": [{"state": "x"}]}')
    kept = guest.post("/segment/save", id="deep", name="Deep", rule='{"state": "identified"}')

    assert '<textarea id="rule"' in shown.text and "1 of 7 people" in words(shown)
    assert "nested too deep" in words(stays)
    assert '<select id="g1-c1-kind"' in fits.text
    assert '"state": "verified"' in html.unescape(back.text)
    assert 422 == wrong.status_code and "rule.all.0.state: Must be one of" in words(wrong)
    assert 303 == kept.status_code and "6 of 7 people" in words(guest.get("/segment", id="deep"))
    assert "This is not JSON." in words(guest.post("/segment/edit", id="deep", name="Deep", rule="{", do="count"))


def test_a_segment_is_exported_as_csv(guest: Visitor) -> None:
    """Everybody in it."""
    answer = guest.post("/segment/export", id="grown")

    assert "text/csv; charset=utf-8" == answer.headers["content-type"]
    assert {"user_id", *(f"person-{number}" for number in range(6))} == {
        line.split(",")[0] for line in answer.text.split()
    }


def test_content_is_made_changed_and_deleted_by_its_form(furnished: Running, guest: Visitor) -> None:
    """As the Admin API would: the same schema, the same document."""
    fields = {"id": "tea", "business_id": "cafe", "headline": "Tea", "enabled": "yes", "redemption": "",
              "location_ids": "main\n\n other "}  # fmt: skip
    wrong = guest.post(
        "/content/offers/save", **{**fields, "is_new": "yes", "headline": "", "redemption": '{"kind": 1}'}
    )
    made = guest.post("/content/offers/save", **fields, is_new="yes")
    twice = guest.post("/content/offers/save", **fields, is_new="yes")
    with furnished.engine.begin() as connection:
        stored = content.get(connection, PROPERTY, "offers", "tea")
    changed = guest.post("/content/offers/save", **{**fields, "headline": "Green tea", "enabled": ""})
    listed = words(guest.get("/content/offers"))
    unknown = guest.post("/content/offers/save", **{**fields, "id": "nothing"})
    deleted = guest.post("/content/offers/delete", id="tea")

    assert 422 == wrong.status_code and "2 fields are not as they must be." in words(wrong)
    assert "kind: Not a valid string." in words(wrong)
    assert (303, 422, 303, 404, 303) == tuple(answer.status_code for answer in (made, twice, changed, unknown, deleted))
    assert "Is taken by another" in words(twice)
    assert stored is not None
    assert ("Tea", ["main", "other"], True, "tea") == tuple(
        stored[name] for name in ("headline", "location_ids", "enabled", "slug")
    )
    assert "Green tea tea No" in listed
    assert 404 == guest.get("/content/offers/edit", id="tea").status_code
    assert 404 == guest.get("/content/people").status_code


def test_refused_entries_are_listed_with_their_code_in_words(guest: Visitor) -> None:
    """And all of them on demand; by code and by device."""
    refused, everything = words(guest.get("/entries")), words(guest.get("/entries", status="all"))
    none = words(guest.get("/entries", code="forgotten"))
    elsewhere = words(guest.get("/entries", device="kiosk-0"))

    assert "bookmark Refused The person was not verified." in refused and "Applied" not in refused
    assert "The person was not verified. (1)" in refused
    assert "identify Applied" in everything
    assert "Nothing was refused." in none and "Nothing was refused." in elsewhere


def test_every_code_and_event_has_its_words() -> None:
    """The codes that a replay can refuse an entry with."""
    names = [name for name in dir(replay) if name.startswith("REDEMPTION_")]
    codes = {getattr(replay, name) for name in names} | {
        replay.INVALID_PAYLOAD, replay.UNKNOWN_KIND, replay.SESSION_TAKEN, replay.BOOKMARKING_DISABLED,
        replay.IDENTIFICATION_REQUIRED, replay.VERIFICATION_REQUIRED, replay.FORGOTTEN, replay.TOKEN_MISSING,
    }  # fmt: skip

    assert codes == set(wording.CODES)
    assert "token refused" == wording.code("token_refused")


def test_lists_are_read_from_an_index_and_no_further_than_they_are_shown(furnished: Running) -> None:
    """The refused among the entries, the latest of them, and the names of traits and activities."""
    engine, statements = furnished.engine, []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    with engine.begin() as connection:
        event.listen(engine, "before_cursor_execute", note)
        queries.entry_page(connection, PROPERTY, (2**63 - 1, "x", 1), 5, refused_only=True)
        queries.entry_page(connection, PROPERTY, (2**63 - 1, "x", 1), 5)
        queries.refusals(connection, PROPERTY)
        queries.trait_names(connection, PROPERTY)
        queries.activity_names(connection, PROPERTY)
        event.remove(engine, "before_cursor_execute", note)
        is_sqlite = engine.dialect.name == "sqlite"
        if not is_sqlite:
            # A table of a few rows is read as a whole otherwise.
            for dear in ("seqscan", "bitmapscan", "sort"):
                connection.exec_driver_sql(f"SET LOCAL enable_{dear} = off")
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        plans = [str(connection.exec_driver_sql(f"{explain} {sql}", found).all()) for sql, found in statements]

    indexes = ("ix_entries_refused", "ix_entries_order", "ix_entries_refused", "ix_profile_values_word",
               "ix_activity_name")  # fmt: skip
    assert [True] * 5 == [name in plan for name, plan in zip(indexes, plans, strict=True)], plans
    assert not any(word in plan for plan in plans[:2] for word in ("TEMP B-TREE", "Sort"))
    assert not any(re.search(r"SCAN (entries|profile_values|activity)|Seq Scan", plan) for plan in plans), plans


def test_the_platform_log_says_what_happened(guest: Visitor) -> None:
    """With the details."""
    shown = words(guest.get("/log", event="lane_restored"))

    assert "2023-11-14 22:13:20 The platform knew less than a device had been told: it was restored" in shown
    assert "kept seq: 3" in shown


def test_hostile_values_are_text_everywhere(furnished: Running, guest: Visitor) -> None:
    """HTML in every field that somebody else writes: on no page is it HTML."""
    put_content(furnished.engine, "categories", EVIL, {"name": EVIL, "tags": [EVIL]})
    put_content(
        furnished.engine, "businesses", EVIL, {"name": EVIL, "categories": [EVIL], "desc": EVIL, "tags": [EVIL]}
    )
    put_content(furnished.engine, "offers", EVIL, {"business_id": EVIL, "headline": EVIL, "details": EVIL})
    put_segment(furnished.engine, EVIL[:64], EVIL, {"any": [{"trait": EVIL, "op": "==", "value": EVIL}]})
    bookmark = ("bookmark", {"offer_id": EVIL, "business_id": None, "location_ids": []})
    Device(furnished, EVIL[:60]).send(
        EVIL,
        {"name": EVIL, EVIL: EVIL, "tags": [EVIL]},
        (EVIL, {"offer_id": EVIL, EVIL: EVIL}),
        session_id=EVIL[:50],
        more=(bookmark,),
    )
    one, segment = {"id": EVIL}, {"id": EVIL[:64]}
    pages: list[tuple[str, dict[str, str]]] = [
        ("", {}), ("/audience", {"trait": EVIL}), ("/devices", {}), ("/users", {"cursor": ""}),
        ("/users", {"id": EVIL * 2}),
        ("/user", one), ("/user/erase", one), ("/segments", {}), ("/segment", segment), ("/segment/edit", segment),
        ("/segment/delete", segment), ("/segment/reason", segment | {"user": EVIL}), ("/content/offers", {}),
        ("/content/offers/edit", one), ("/content/offers/delete", one), ("/content/businesses/edit", one),
        ("/entries", {"status": "all"}), ("/entries", {"code": EVIL, "device": EVIL}), ("/log", {"event": EVIL}),
        ("/content/categories", {}),
    ]  # fmt: skip
    for path, query in pages:
        answer = guest.get(path, **query)
        assert answer.status_code in (200, 404), (path, answer.text)
        assert "<img src=x" not in answer.text, path
        assert "5183" not in re.findall(r"{{.*?}}|\b5183\b", answer.text), path
    assert EVIL in html.unescape(guest.get("/user", id=EVIL).text)
    typed = guest.post(
        "/segment/edit", **{"name": EVIL, "g1-c1-kind": "trait", "g1-c1-name": EVIL, "g1-c1-value": EVIL}
    )
    assert "<img src=x" not in typed.text and EVIL in html.unescape(typed.text)
    exported = guest.post("/user/export", **one)
    assert "application/json" == exported.headers["content-type"]
    assert 303 == guest.post("/user/erase", **one, sure="yes").status_code


def test_charts_escape_what_they_show() -> None:
    """Labels, figures and titles."""
    chart = str(bars(EVIL, [(EVIL, 0.5, EVIL)])) + str(columns(EVIL, []))

    assert "<img" not in chart
    assert 3 <= chart.count("&lt;img")


def test_bars_and_columns_are_as_long_as_their_numbers() -> None:
    """Lying, of the whole width; standing, of the greatest; nothing is no bar."""
    lying = str(bars("t", [("a", 0.2, ""), ("b", 0.4, ""), ("c", 0, "")]))
    standing = str(columns("t", [(date(2026, 3, day), count) for day, count in ((1, 3), (2, 6), (3, 0))]))
    widths = re.findall(r'class="bar" x="0" y="\d+" width="([\d.]+)%"', lying)
    heights = re.findall(r'height="([\d.]+)" rx="2"', standing)

    assert ["20.00", "40.00", "0.00"] == widths
    assert ["70.0", "140.0", "0.0"] == heights
    assert 'height="0.0"' in str(columns("t", [(date(2026, 3, 1), 0)]))
