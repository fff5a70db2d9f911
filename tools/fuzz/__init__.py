"""
Requests that nobody has thought of, against both APIs of a platform of its own.

`rest.py` lets schemathesis read the OpenAPI description and try every endpoint;
`hooks.py` is what it is told beside that. `graph.py` draws documents from the two
GraphQL schemas, and `answers.py` holds the answers to them. No server error, and
no reply that its description does not know.
"""
