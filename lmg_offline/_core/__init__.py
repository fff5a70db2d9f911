"""
Decisions without input or output: identity, schedule, clock correction, profile folding.

Pure functions over frozen values, tested as tables. Start with `identity.py`.
"""
