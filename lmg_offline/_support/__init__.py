"""
Clock, ids, log and operating-system locks: what every other part may use.

Nothing here knows what a journal or a platform is. Start with `clock.py`.
"""
