"""
Reports: what a property's people are like, counted in SQL.

`demographics.py` counts by a value, `growth.py` by day, `interests.py` by category.
None of them reads people one by one. What each figure means: docs/reports.md.
"""
