"""Chromium without a window, driven over WebDriver."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

WAIT_S = 30
MISSING = (
    "The portal's tests need Chromium and its driver. On Debian or Ubuntu, as root: "
    "apt-get install chromium chromium-driver. Elsewhere: install Chrome or Chromium and chromedriver, on the PATH."
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class BrowserMissing(Exception):
    """There is no browser here. The message says what to install."""


@dataclass(frozen=True)
class Browser:
    """One browser with one page."""

    driver: Chrome

    def look(self, width: int, height: int, scheme: str) -> None:
        """Have a screen of this size, in pixels, and prefer `light` or `dark`."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait_until(self, script: str, *arguments: Any) -> Any:
        """
        Wait until a script returns something true, and return it.

        Raises:
            TimeoutException: It does not within half a minute.
        """
        return WebDriverWait(self.driver, WAIT_S, 0.05).until(lambda _: self.run(f"return {script}", *arguments))


@contextmanager
def chromium() -> Iterator[Browser]:
    """
    Run a browser with a profile of its own, which is gone afterwards.

    Raises:
        BrowserMissing: There is none.
    """
    binary = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        raise BrowserMissing(MISSING)
    options = ChromeOptions()
    options.binary_location = binary
    with tempfile.TemporaryDirectory(prefix="lmg-chromium-", ignore_cleanup_errors=True) as folder:
        for word in (
            "headless=new",
            f"user-data-dir={folder}",
            "no-first-run",
            "no-proxy-server",
            "disable-gpu",
            "disable-dev-shm-usage",
            "force-color-profile=srgb",
            "hide-scrollbars",
        ):
            options.add_argument(f"--{word}")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium has none for root
        found = Chrome(options=options, service=Service(driver))
        try:
            yield Browser(found)
        finally:
            found.quit()
