"""
The collector: activity in Snowplow's published tracker format, sent to a session's ingestion address.

HTTP is in `endpoint`; `mapping` and `events` say what an event means, without a
database; `recorder` writes it down. Start reading at `events`.
"""
