"""
The platform: what SDKs replay their journals to.

Installed by the extra `platform`; the SDK never imports it. It imports nothing
of the SDK but `protocol`, `verification` and `errors`. Start reading at
`server` (processes), `app` (routes) and `ingest` (what a replay does).
"""
