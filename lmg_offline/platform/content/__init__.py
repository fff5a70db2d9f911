"""
Content: businesses, locations, offers, collections, categories.

`schemas.py` says what the Admin API takes, `store.py` keeps it, `resolvers.py`
answers the Audience API from it. Nothing here knows people but their bookmarks.
"""
