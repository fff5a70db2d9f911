"""The portal in a real browser: Chromium for the tests, a platform with the demo's people, and screenshots of it."""
