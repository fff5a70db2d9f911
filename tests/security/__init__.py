"""
What is promised against people who mean harm: docs/security.md names each promise and the test here that shows it.

Everything runs against the real SDK and, where one matters, the real platform
over a socket.
"""
