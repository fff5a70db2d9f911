"""Documents that the two GraphQL schemas allow, and whether the answers are what the schemas promise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import schemathesis
from graphql import GraphQLSchema, build_client_schema, get_introspection_query, parse_value
from hypothesis import HealthCheck, Phase, given, settings, strategies
from hypothesis import seed as seeded

from tools.fuzz.answers import fault_of
from tools.fuzz.site import CONTENT, USER, Outcome, Site

PATHS = ("/graph/auth", "/graph/default")
# A session is extended, given to others, and ends: a new one from time to time.
REQUESTS_A_SESSION = 10

_ids = strategies.one_of(strategies.sampled_from([path.split("/")[1] for path in CONTENT]), strategies.text(max_size=9))
_scalars = strategies.one_of(
    strategies.none(), strategies.booleans(), strategies.integers(), strategies.floats(), strategies.text(max_size=20)
)
# Names as GraphQL writes them, those of the replay among them.
_names = strategies.one_of(
    strategies.sampled_from(
        ["id", "secret", "sent_at", "session_id", "after", "seq", "token", "entries", "kind", "payload", "age_ms"]
    ),
    strategies.from_regex(r"[_A-Za-z][_A-Za-z0-9]{0,8}", fullmatch=True),
)
_json_values = strategies.recursive(
    _scalars, lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(_names, inner, max_size=3)
)


def _devices() -> strategies.SearchStrategy[Any]:
    return strategies.fixed_dictionaries({"id": _ids, "secret": _ids, "sent_at": strategies.integers(0, 2**53)})


def _lanes() -> strategies.SearchStrategy[Any]:
    profiles = strategies.dictionaries(_names, _json_values, max_size=3)
    entry = strategies.fixed_dictionaries(
        {
            "seq": strategies.integers(-1, 5),
            "id": _ids,
            "kind": strategies.sampled_from(["identify", "update", "track", "bookmark", "redeem", "forget", "x"]),
            "made_at": strategies.integers(0, 2**53),
            "age_ms": strategies.one_of(strategies.none(), strategies.integers(-1, 2**53)),
            "payload": strategies.one_of(
                strategies.builds(lambda profile: {"profile": profile}, profiles),
                strategies.builds(lambda name, rest: {"name": name, "properties": rest}, _ids, profiles),
                strategies.just({"user_id": USER, "verify": False}),
                _json_values,
            ),
        }
    )
    lane = strategies.fixed_dictionaries(
        {
            "session_id": _ids,
            "after": strategies.just({"seq": 0, "id": None}),
            "token": strategies.one_of(strategies.none(), _ids),
            "entries": strategies.lists(entry, max_size=4),
        }
    )
    return strategies.lists(lane, min_size=1, max_size=2)


def _node(value: Any) -> Any:
    """Write a JSON value as GraphQL does."""
    return parse_value(_written(value))


def _written(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{name}: {_written(each)}" for name, each in value.items() if _is_name(name)) + "}"
        case list():
            return "[" + ", ".join(map(_written, value)) + "]"
        case float():
            return json.dumps(value) if value == value and abs(value) != float("inf") else "null"
    return json.dumps(value, ensure_ascii=False) if "\\ud" not in json.dumps(value) else "null"


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def fuzz(site: Site, count: int, seed: int) -> Outcome:
    """Send about `count` documents to both endpoints."""
    values = strategies.one_of(_devices(), _lanes(), _json_values).map(_node)
    schemathesis.graphql.scalar("JSON", values)
    statuses: Counter[int] = Counter()
    faults: list[str] = []
    operations = list(_operations(site))
    for path, schema, operation in operations:
        _fuzz_one(site, path, schema, operation, max(1, count // len(operations)), seed, statuses, faults)
    return Outcome(sum(statuses.values()), statuses, faults)


def _operations(site: Site) -> Iterator[tuple[str, GraphQLSchema, Any]]:
    for path in PATHS:
        headers = {"X-Integration-Write-Key": site.write_key}
        found = schemathesis.graphql.from_url(site.endpoint + path, headers=headers)
        schema = build_client_schema(site.ask(path, get_introspection_query()))
        for result in found.get_all_operations():
            yield path, schema, result.ok()


def _fuzz_one(
    site: Site,
    path: str,
    schema: GraphQLSchema,
    operation: Any,
    count: int,
    seed: int,
    statuses: Counter[int],
    faults: list[str],
) -> None:
    sent, token = 0, ""

    def ask(case: Any) -> None:
        nonlocal sent, token
        if sent % REQUESTS_A_SESSION == 0:
            token = site.session(USER if sent % (2 * REQUESTS_A_SESSION) else None)
        sent += 1
        headers = {"X-Integration-Write-Key": site.write_key, "X-Session-Token": token}
        response = case.call(headers=headers)
        statuses[response.status_code] += 1
        wrong = fault_of(schema, case.body, response.status_code, response.content)
        if wrong is not None:
            faults.append(f"Audience API {path}: {wrong}, for {str(case.body)[:500]}")

    run: Any = given(operation.as_strategy())(ask)  # type: ignore[no-untyped-call]  # nor is its strategy
    # Faults are gathered, not raised: one does not end the run.
    run = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(seeded(seed)(run))
    run()
