"""Runs GraphQL documents: parsed and validated once, bounded, errors as the real platform's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from importlib.resources import files
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    build_schema,
    execute_sync,
    get_named_type,
    parse,
    print_ast,
    validate,
    visit,
)

from lmg_offline.platform.audience_api import limits
from lmg_offline.platform.audience_api.context import RequestContext
from lmg_offline.platform.audience_api.errors import malformed, query_invalid
from lmg_offline.protocol.canonical import text_fault

Resolvers = Mapping[str, Mapping[str, Callable[..., Any]]]

_MAX_QUERY_CHARS = 64 * 1024
_CACHED_QUERIES = 512
_OURS = "ours"


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One operation of a document that may run.

    Attributes:
        document: Parsed, valid, within the limits.

        name: Which operation of it.

        is_mutation: Whether it may write.

        fields: The names of what it asks for at the top.
    """

    document: DocumentNode
    name: str | None
    is_mutation: bool
    fields: frozenset[str]


class Executor:
    """One endpoint's schema with its resolvers. Safe from any thread."""

    def __init__(self, sdl: str, *resolvers: Resolvers) -> None:
        self.schema = build_schema(sdl)
        for each in resolvers:
            _attach(self.schema, each)
        self._prepare = lru_cache(maxsize=_CACHED_QUERIES)(self._parse_and_validate)

    def operation(self, query: str, name: str | None) -> Operation:
        """
        Return the operation of a document that is to run.

        Args:
            query: The document's text.

            name: Which of its operations; needed when it has several.

        Raises:
            AudienceError: The document is not valid, or asks for too much.
        """
        if len(query) > _MAX_QUERY_CHARS:
            raise query_invalid(f"The query is longer than {_MAX_QUERY_CHARS} characters.")
        document, fault = self._prepare(query)
        if document is None:
            raise query_invalid(fault or "The query is not valid.")
        found = [
            node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
            and (name is None or (node.name is not None and node.name.value == name))
        ]
        if len(found) != 1:
            raise query_invalid("operationName must name one operation of the query.")
        asked = frozenset(
            node.name.value for node in found[0].selection_set.selections if isinstance(node, FieldNode)
        )
        return Operation(document, name, found[0].operation is OperationType.MUTATION, asked)

    def run(self, operation: Operation, variables: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """
        Run an operation and return its data.

        An answer is whole or an error: a field that failed fails the request.

        Raises:
            AudienceError: The variables don't fit.
            Exception: What a resolver raised, as it raised it.
        """
        result = execute_sync(
            self.schema,
            operation.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("a resolver asked for more than one answer")
        for error in result.errors or ():
            cause = error.original_error
            raise query_invalid(error.message) if cause is None or isinstance(cause, GraphQLError) else cause
        return result.data or {}

    def _parse_and_validate(self, query: str) -> tuple[DocumentNode | None, str | None]:
        try:
            document = parse(query, max_tokens=limits.MAX_TOKENS)
            too_much = limits.fault_as_written(document)
            if too_much is not None:
                return None, too_much
            errors = validate(self.schema, document, max_errors=5)
            fault = errors[0].message if errors else limits.fault(document)
        except GraphQLError as error:
            return None, error.message
        except RecursionError:
            return None, "The query is nested too deep."
        return (document, None) if fault is None else (None, fault)


def read_sdl(name: str, *, lmg_only: bool = False) -> str:
    """
    Return one of the schema files of this package.

    Args:
        name: Its file name.

        lmg_only: Leave out what is marked `@ours`: what the real platform does not have.
    """
    document = parse(files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return print_ast(visit(document, _Ours(lmg_only)))


class _Ours(Visitor):
    """Takes the mark `@ours` from definitions, or the definitions with it."""

    def __init__(self, is_dropped: bool) -> None:
        super().__init__()
        self._is_dropped = is_dropped

    def enter(self, node: Node, *_: Any) -> Any:
        """Look at one node."""
        marks = getattr(node, "directives", None) or ()
        if not any(mark.name.value == _OURS for mark in marks):
            return None
        if self._is_dropped:
            return REMOVE
        kept = tuple(mark for mark in marks if mark.name.value != _OURS)
        return replace(node, directives=kept)  # type: ignore[call-arg]  # a node with marks has the field


def _attach(schema: GraphQLSchema, resolvers: Resolvers) -> None:
    """Give fields their resolvers; those of fields that this schema leaves out are not needed."""
    for type_name, named in resolvers.items():
        found = schema.type_map[type_name]
        if not isinstance(found, GraphQLObjectType):
            raise TypeError(f"{type_name} has no fields")
        for name, resolver in named.items():
            if name in found.fields:
                field = found.fields[name]
                kinds = ("ID", "String") if type_name == "Query" else ("ID",)
                texts = {key for key, each in field.args.items() if get_named_type(each.type).name in kinds}
                field.resolve = _keepable(resolver, texts) if texts else resolver


def _keepable(resolver: Callable[..., Any], names: set[str]) -> Callable[..., Any]:
    """Refuse texts that not every database takes, before they are looked for."""

    @wraps(resolver)
    def resolve(parent: object, info: Any, **given: Any) -> Any:
        for name in names:
            texts = given.get(name)
            for text in texts if isinstance(texts, list) else [texts]:
                fault = text_fault(text) if isinstance(text, str) else None
                if fault is not None:
                    raise malformed(f"{name}: {fault}")
        return resolver(parent, info, **given)

    return resolve
