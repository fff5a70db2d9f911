"""How much one document may ask for, decided before anything is resolved."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    visit,
)

MAX_TOKENS = 5000
MAX_DEPTH = 10
MAX_INTROSPECTION_DEPTH = 20
MAX_FIELDS = 1000
MAX_ALIASES = 30
# The validator compares each field and each fragment with every other one.
MAX_FRAGMENTS = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What a selection asks for, fragments spread out.

    Attributes:
        depth: Fields inside one another.

        fields: All fields.

        aliases: Fields under another name.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0

    def beside(self, other: Cost) -> Cost:
        """Return the cost of both side by side."""
        return Cost(max(self.depth, other.depth), self.fields + other.fields, self.aliases + other.aliases)


def fault_as_written(document: DocumentNode) -> str | None:
    """Return why a document has too much in it to be worth validating, or None. Nothing is spread out yet."""
    written = _Written()
    visit(document, written)
    if written.fields > MAX_FIELDS:
        return f"The query asks for more than {MAX_FIELDS} fields."
    if written.fragments > MAX_FRAGMENTS:
        return f"The query has more than {MAX_FRAGMENTS} fragments."
    return None


class _Written(Visitor):
    """Counts what stands in a document."""

    def __init__(self) -> None:
        super().__init__()
        self.fields = 0
        self.fragments = 0

    def enter_field(self, *_: object) -> None:
        """One field more."""
        self.fields += 1

    def enter_fragment_definition(self, *_: object) -> None:
        """One fragment more."""
        self.fragments += 1

    def enter_inline_fragment(self, *_: object) -> None:
        """One fragment more."""
        self.fragments += 1


def fault(document: DocumentNode) -> str | None:
    """
    Return why a valid document asks for too much, or None.

    Args:
        document: Validated: its fragments exist and don't spread in circles.

    Source: our choice; the SDK's deepest query has 6 levels, and introspection
    tools need about 15.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    counter = _Counter(fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            cost = counter.selection(node.selection_set)
            deepest = MAX_INTROSPECTION_DEPTH if _only_introspects(node) else MAX_DEPTH
            if cost.depth > deepest:
                return f"The query is nested more than {deepest} deep."
            if cost.fields > MAX_FIELDS:
                return f"The query asks for more than {MAX_FIELDS} fields."
            if cost.aliases > MAX_ALIASES:
                return f"The query has more than {MAX_ALIASES} aliases."
    return None


class _Counter:
    """Counts each fragment once, however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Cost] = {}

    def selection(self, selected: SelectionSetNode | None) -> Cost:
        """Return the cost of what is between two braces."""
        total = Cost()
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                inner = self.selection(node.selection_set)
                aliased = 1 if node.alias else 0
                total = total.beside(Cost(inner.depth + 1, inner.fields + 1, inner.aliases + aliased))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(self.selection(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._fragment(node.name.value))
        return total

    def _fragment(self, name: str) -> Cost:
        if name not in self._known:
            self._known[name] = self.selection(self._fragments[name].selection_set)
        return self._known[name]


def _only_introspects(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in ("__schema", "__type", "__typename")
        for node in operation.selection_set.selections
    )
