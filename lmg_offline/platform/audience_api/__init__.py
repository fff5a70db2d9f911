"""
The Audience API: two GraphQL endpoints with the real platform's names and types.

HTTP is in `endpoint`, GraphQL in `executor`; the rest are resolvers, which may
not look past their `RequestContext`. Start reading at `endpoint`.
"""
