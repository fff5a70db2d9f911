"""
Screenshots of every page of the portal, light, dark and as wide as a phone, into docs/portal.

    python3 tools/dev.py portal-shots
"""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from selenium.webdriver.common.by import By
from sqlalchemy import select

from lmg_offline.platform.segments.tables import segments
from lmg_offline.platform.server import Running

from .chromium import Browser, BrowserMissing, chromium
from .demo import platform

FOLDER = Path(__file__).parent.parent.parent / "docs" / "portal"
LOOKS = {"light": (1280, 800, "light"), "dark": (1280, 800, "dark"), "phone": (360, 740, "light")}
MAX_BYTES = 100_000
MAX_HEIGHT = {1280: 1400, 360: 2000}
_COLOURS = (64, 32, 16)


def pages(found: Running) -> dict[str, str]:
    """Return the address of each page within the portal, by what its picture is called."""
    with found.engine.connect() as connection:
        query = select(segments.c.id).order_by(segments.c.name.desc())
        segment = connection.execute(query).scalars().first()
    assert segment is not None
    return {
        "sign-in": "/sign-in",
        "overview": "",
        "audience": "/audience",
        "segments": "/segments",
        "segment": f"/segment?{urlencode({'id': segment})}",
        "builder": f"/segment/edit?{urlencode({'id': segment})}",
        "people": "/users",
        "person": "/user?id=slid-15",
        "erase": "/user/erase?id=slid-15",
        "content": "/content/offers",
        "offer": "/content/offers/edit?id=coffee",
        "devices": "/devices",
        "entries": "/entries",
        "log": "/log",
    }


def sign_in(browser: Browser, found: Running) -> None:
    """Sign in as the owner."""
    browser.driver.get(f"{found.endpoint}/portal/sign-in")
    browser.driver.find_element(By.ID, "admin_key").send_keys(found.admin_key)
    browser.driver.find_element(By.CSS_SELECTOR, "form button").click()
    browser.wait_until("document.querySelector('nav[aria-label=Portal]') !== null")


def main() -> int:
    """Take them; 0 when all are within bounds."""
    started = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    total, failed = 0, 0
    try:
        with platform() as found, chromium() as browser:
            addresses = pages(found)
            for name, address in addresses.items():
                if name == "overview":
                    sign_in(browser, found)
                browser.driver.get(f"{found.endpoint}/portal{address}")
                for look, (width, height, scheme) in LOOKS.items():
                    browser.look(width, height, scheme)
                    size = _shoot(browser, FOLDER / f"{name}-{look}.png", width, height, scheme)
                    total += size
                    failed += size > MAX_BYTES
    except BrowserMissing as error:
        print(error, file=sys.stderr)
        return 3
    count = len(addresses) * len(LOOKS)
    print(f"{count} pictures, {total / 1e6:.2f} MB, in {time.monotonic() - started:.0f} s; {failed} too large")
    return int(failed > 0)


def _shoot(browser: Browser, path: Path, width: int, height: int, scheme: str) -> int:
    """Take the whole page, no taller than a bound; return the size of the file in bytes."""
    tall = min(max(browser.run("return document.documentElement.scrollHeight"), height), MAX_HEIGHT[width])
    # On a screen of that height, as what sticks to its edge would lie in the middle of the picture.
    browser.look(width, tall, scheme)
    taken = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    image = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
    for colours in _COLOURS:
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            break
    return path.stat().st_size


if __name__ == "__main__":
    raise SystemExit(main())
