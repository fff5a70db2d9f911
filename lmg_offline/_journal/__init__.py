"""
The journal: one SQLite file that holds sessions, identities, entries and what became of them.

One public method of `Journal` is one transaction. The journal knows nothing of
networks or threads that send; SQLAlchemy stays inside. Start with `journal.py`.
"""
