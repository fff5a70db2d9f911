"""
Segments: people by rule.

`rules.py` says what a rule may be, `conditions.py` turns one into a condition of SQL,
`members.py` asks with it. No person is looked at in Python. Start with `rules.py`.
"""
