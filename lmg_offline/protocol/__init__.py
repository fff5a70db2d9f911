"""
What the SDK and the platform say to each other, and the schemas both check it with.

Nothing here opens a file, a socket or a database, and nothing but the standard
library, marshmallow and `lmg_offline.errors` is imported: each side brings its
own storage and transport. Start with `replay.py`, beside `docs/protocol.md`;
`canonical.py` is free of marshmallow, so that the journal can import it cheaply.
"""
