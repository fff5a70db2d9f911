"""
The portal in a real browser: the way through it, the keyboard, every width and colour, an accessibility checker.

axe.min.js is axe-core (Mozilla Public License 2.0), for these tests alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from visitor import Device, furnish, put_content, put_segment

from lmg_offline.platform.server import Running, running
from tools.portal.chromium import Browser, BrowserMissing, chromium

AXE = Path(__file__).with_name("axe.min.js").read_text("utf-8")
EVIL = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
PAGES = {
    "sign-in": "/sign-in",
    "overview": "",
    "audience": "/audience",
    "devices": "/devices",
    "people": "/users",
    "not found": "/users?id=nobody",
    "person": "/user?id=person-0",
    "erase": "/user/erase?id=person-0",
    "segments": "/segments",
    "segment": "/segment?id=grown",
    "builder": "/segment/edit?id=many",
    "rule": "/segment/edit?id=deep",
    "reason": "/segment/reason?id=many&user=person-0",
    "delete segment": "/segment/delete?id=grown",
    "content": "/content/offers",
    "new offer": "/content/offers/edit",
    "location": "/content/locations/edit?id=main",
    "delete offer": "/content/offers/delete?id=coffee",
    "entries": "/entries?status=all",
    "refused": "/entries",
    "log": "/log",
    "error": "/nowhere",
}
LONG = "w" * 120


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform to look at, with words that have no place to break."""
    with running(f"sqlite:///{tmp_path_factory.mktemp('browser') / 'platform.db'}") as found:
        furnish(found)
        put_segment(found.engine, "deep", "Deep", {"all": [{"any": [{"all": [{"state": "verified"}]}]}]})
        rule = {"all": [{"not": {"state": "verified"}}, {"any": [{"trait": LONG, "op": "exists"},
                                                              {"activity": "looked", "within_days": 3}]}]}  # fmt: skip
        put_segment(found.engine, "many", LONG, rule)
        put_content(found.engine, "offers", LONG, {"business_id": "cafe", "headline": LONG, "tags": [LONG]})
        Device(found, LONG[:60]).send(LONG, {LONG: LONG}, (LONG, {LONG: LONG}))
        yield found


@pytest.fixture
def page(browser: Browser, site: Running) -> Iterator[Browser]:
    """A browser that is signed in there, with a wide and light screen."""
    browser.look(1280, 800, "light")
    browser.driver.get(f"{site.endpoint}/portal/sign-in")
    browser.driver.delete_all_cookies()
    sign_in(browser, site)
    yield browser
    browser.driver.delete_all_cookies()


def sign_in(browser: Browser, site: Running) -> None:
    """By the form."""
    browser.driver.get(f"{site.endpoint}/portal/sign-in")
    browser.driver.find_element(By.ID, "admin_key").send_keys(site.admin_key, Keys.ENTER)
    browser.wait_until("document.title.startsWith('Overview')")


def press(browser: Browser, *keys: str) -> None:
    """Press keys, one after the other."""
    ActionChains(browser.driver).send_keys(*keys).perform()


def focused(browser: Browser) -> str:
    """The id of what has the focus, or else its text."""
    return str(browser.run("const e = document.activeElement; return e.id || e.textContent.trim()"))


def tab_to(browser: Browser, name: str, most: int = 60) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        press(browser, Keys.TAB)
        if focused(browser) == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


def count_is(browser: Browser, words: str) -> None:
    """Wait until the builder's count says this."""
    browser.wait_until(
        "document.getElementById('count').textContent.replace(/\\s+/g, ' ').trim() === arguments[0]", words
    )


def violations(browser: Browser) -> list[str]:
    """What axe finds on the page."""
    if not browser.run("return 'axe' in window"):
        browser.run(AXE)
    found: dict[str, Any] = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((r) => done({found: r.violations}), (e) => done({fault: String(e)}))"
    )
    assert "found" in found, found
    return [f"{each['id']}: {each['nodes'][0]['html']} {each['nodes'][0]['failureSummary']}" for each in found["found"]]


def test_from_signing_in_to_erasing_a_person(page: Browser, site: Running) -> None:
    """A segment is built, the count changes, a member is opened and erased."""
    Device(site).send("grey", {"birthday": "1930-01-01"})
    driver = page.driver
    driver.find_element(By.LINK_TEXT, "Segments").click()
    driver.find_element(By.LINK_TEXT, "New segment").click()
    page.wait_until("document.title.startsWith('New segment')")
    count_is(page, "7 of 9 people")
    value = driver.find_element(By.ID, "g1-c1-value")
    value.clear()
    value.send_keys("80")
    count_is(page, "1 of 9 people")
    value.send_keys("x")
    count_is(page, "No count: something is not as it must be.")
    page.wait_until("document.body.textContent.includes('An age is a whole number of years, 0 to 200.')")
    value.send_keys(Keys.BACKSPACE)
    count_is(page, "1 of 9 people")
    driver.find_element(By.ID, "name").send_keys("Eighty and over")
    driver.find_element(By.XPATH, "//button[.='Save']").click()
    page.wait_until("document.title.startsWith('Segment ')")
    assert "1 of 9 people" in driver.find_element(By.TAG_NAME, "main").text
    driver.find_element(By.LINK_TEXT, "grey").click()
    page.wait_until("document.title.startsWith('Person')")
    assert "1930-01-01" in driver.find_element(By.TAG_NAME, "main").text
    driver.find_element(By.LINK_TEXT, "Erase …").click()
    page.wait_until("document.title.startsWith('Erase')")
    driver.find_element(By.ID, "sure").click()
    driver.find_element(By.XPATH, "//button[.='Erase']").click()
    page.wait_until("document.title.startsWith('People')")
    assert "The person was erased." in driver.find_element(By.TAG_NAME, "main").text
    assert "grey" not in driver.find_element(By.TAG_NAME, "main").text


def test_the_segment_builder_is_walked_with_the_keyboard_alone(page: Browser, site: Running) -> None:
    """Past the skip link, through every field, to a segment that is kept."""
    page.driver.get(f"{site.endpoint}/portal/segment/edit")
    press(page, Keys.TAB)
    assert "Skip to content" == focused(page)
    assert page.run("return document.activeElement.getBoundingClientRect().top") >= 0
    press(page, Keys.ENTER)
    assert "main" == focused(page)
    tab_to(page, "name")
    press(page, "Graduates")
    tab_to(page, "g1-c1-kind")
    press(page, "c")  # the choice that begins with it: Custom trait
    page.wait_until("!document.querySelector('[data-part=name]').hidden")
    tab_to(page, "g1-c1-name")
    press(page, "education")
    tab_to(page, "g1-c1-op")
    assert "is at least" == page.run("return document.activeElement.selectedOptions[0].textContent")
    tab_to(page, "g1-c1-value")
    press(page, Keys.BACKSPACE, Keys.BACKSPACE, "11")
    count_is(page, "3 of 8 people")
    tab_to(page, "Add a condition to group 1")
    press(page, Keys.ENTER)
    page.wait_until("document.getElementById('g1-c2-kind') !== null")
    assert "g1-c2-kind" == focused(page)
    press(page, Keys.END, Keys.ARROW_UP)  # the last choice but one: Is verified
    page.wait_until("document.activeElement.value === 'verified'")
    tab_to(page, "g1-c2-not")
    press(page, Keys.SPACE)
    count_is(page, "3 of 8 people")
    tab_to(page, "Save")
    outline = page.run("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]")
    assert ["solid", "3px"] == outline
    press(page, Keys.ENTER)
    page.wait_until("document.title.startsWith('Segment ')")
    assert "3 of 8 people" in page.driver.find_element(By.TAG_NAME, "main").text


def test_tab_goes_through_every_page_and_out_again(page: Browser, site: Running) -> None:
    """No page holds the focus: each stop is seen, comes once, and the last leads back to the first."""
    for name, path in PAGES.items():
        page.driver.get(f"{site.endpoint}/portal{path}")
        stops = page.run(
            "document.activeElement.blur(); document.body.focus(); window.scrollTo(0, 0);"
            "window.stops = new Set(); window.unseen = [];"
            "document.addEventListener('focusin', (event) => {"
            "  const box = event.target.getBoundingClientRect(); window.stops.add(event.target);"
            "  const isSeen = box.bottom >= 0 && box.top <= innerHeight && box.right >= 0;"
            "  if (!isSeen) window.unseen.push(event.target.outerHTML);"
            "});"
            "const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary';"
            "return [...document.querySelectorAll(all)]"
            ".filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility()).length"
        )
        # One more for leaving the page on the way round: it begins in the middle, where a field has the focus.
        press(page, *[Keys.TAB] * (stops + 1))
        assert (name, stops, []) == (name, page.run("return window.stops.size"), page.run("return window.unseen"))


def test_without_its_script_the_builder_does_the_same(page: Browser, site: Running) -> None:
    """By its buttons."""
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.driver.get(f"{site.endpoint}/portal/segment/edit")
        value = page.driver.find_element(By.ID, "g1-c1-value")
        value.clear()
        value.send_keys("40", Keys.ENTER)
        found = page.driver.find_element(By.ID, "count").text
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert "2 of 8 people" == found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360, 320])
def test_no_page_is_wider_than_the_screen(page: Browser, site: Running, width: int, scheme: str) -> None:
    """However long the words, with every table open; and it has the colours that were asked for."""
    page.look(width, 800, scheme)
    for name, path in PAGES.items():
        page.driver.get(f"{site.endpoint}/portal{path}")
        page.run("for (const e of document.querySelectorAll('details')) e.open = true")
        wide = page.run("return document.documentElement.scrollWidth")
        light = page.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] > 128")
        assert (name, width, scheme == "light") == (name, max(wide, width), light)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_accessibility_checker_finds_nothing(page: Browser, site: Running, width: int, scheme: str) -> None:
    """On any page: contrast, names, roles, order of headings, landmarks."""
    page.look(width, 800, scheme)
    for name, path in PAGES.items():
        page.driver.get(f"{site.endpoint}/portal{path}")
        page.run("for (const e of document.querySelectorAll('details')) e.open = true")
        assert (name, []) == (name, violations(page))


def test_hostile_values_are_shown_as_text_and_run_nothing(page: Browser, site: Running) -> None:
    """HTML in every field, as letters on the page."""
    put_segment(site.engine, "evil", EVIL, {"any": [{"trait": EVIL, "op": "==", "value": EVIL}]})
    put_content(site.engine, "offers", "evil", {"business_id": EVIL, "headline": EVIL, "details": EVIL, "tags": [EVIL]})
    Device(site, EVIL[:60]).send(EVIL, {"name": EVIL, EVIL: EVIL}, (EVIL, {EVIL: EVIL}))
    paths = ["", "/audience", "/devices", "/users", "/audience?segment=evil", "/segments", "/segment?id=evil",
             "/segment/edit?id=evil", "/content/offers", "/content/offers/edit?id=evil",
             "/entries?status=all"]  # fmt: skip
    for path in paths:
        page.driver.get(f"{site.endpoint}/portal{path}")
        assert (path, None, 0) == (
            path,
            page.run("return window.hit ?? null"),
            page.run("return document.querySelectorAll('img[src=x], script:not([src])').length"),
        )
    page.driver.get(f"{site.endpoint}/portal/users")
    page.driver.find_element(By.LINK_TEXT, EVIL).click()
    page.wait_until("document.title.startsWith('Person')")

    assert EVIL == page.driver.find_element(By.TAG_NAME, "h1").text
    assert page.driver.find_element(By.TAG_NAME, "main").text.count(EVIL) >= 5
    assert page.run("return window.hit ?? null") is None


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_blocked(page: Browser, site: Running) -> None:
    """Every file is of the platform, and the page's own policy stands in the way of none."""
    for path in PAGES.values():
        page.driver.get(f"{site.endpoint}/portal{path}")
        names = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert names and all(name.startswith(f"{site.endpoint}/portal/static/") for name in names)
    messages = [entry["message"] for entry in page.driver.get_log("browser")]

    assert [] == [
        message for message in messages if "Content Security Policy" in message or "Content-Security" in message
    ]


def test_a_machine_without_a_browser_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the sentence that these tests then fail with."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BrowserMissing, match="apt-get install chromium chromium-driver"), chromium():
        pass
