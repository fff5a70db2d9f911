"""
The LMG dialect: the real platform's own operations, one entry at a time, in order, lane by lane.

`dialect.py` does the next operation of one lane; start there. `sessions.py` opens,
extends and identifies the platform's sessions, `activity.py` talks to the collector,
`calls.py` asks and settles. What comes next is decided in `_core/lmg.py`.
"""
