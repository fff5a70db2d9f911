"""
Redemption: what state an offer is in for a person, whether it can be used, and the step that uses it.

`schemas` says what the Admin API takes, `rules` is what it means. `windows`,
`states`, `status` and `arguments` decide purely; `book` reads and writes;
`transition` is the one way a step takes effect. Start reading at `states`.
"""
