"""
The platform's database: tables, engine, migrations.

Nothing here knows what an entry means. SQL that only SQLite or only PostgreSQL
understands lives here and nowhere else. Start reading at `tables`.
"""
