"""
One file for each part of the portal: what a page shows, and what its form does.

No rules of the platform live here: those are asked for, in the transaction that
`access.view` opened.
"""
