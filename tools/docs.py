"""
What is made from the code: in docs/ what both APIs are and who may do what; the journal's tables as SQL.

    python3 -m tools.docs          write them
    python3 -m tools.docs --check  say which are out of date; exit code 1 if any is
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, print_type
from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import ExecutableDDLElement

from lmg_offline._journal.tables import metadata
from lmg_offline.platform.admin_api.access import ROLES
from lmg_offline.platform.admin_api.endpoints import PREFIX
from lmg_offline.platform.admin_api.routes import DESCRIPTION, ENDPOINTS
from lmg_offline.platform.audience_api.executor import read_sdl
from lmg_offline.protocol.replay import AUTH_PATH, DEFAULT_PATH

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

_ROOTS = ("Query", "Mutation")
_ROLES_ABOUT = """\
# Who may do what

The endpoints of the Admin API and the roles that an admin key may have, as
`python3 tools/dev.py docs` writes them. Another role gets 403. An admin manages
every key but those of owners.
"""
_SCHEMA_ABOUT = '''\
"""
The newest journal's tables as SQL, made from `tables.py` by `python3 tools/dev.py docs`.

Ready, because a new process would take longer to build and compile those tables than to import the package.
"""

'''
_ABOUT = """\
# The Audience API, as `python3 tools/dev.py docs` writes it. Two endpoints, each a schema of its own:
# the types of the first, then what the second has beside them. `extend` marks fields that only the
# second serves. What the real platform does not have is said to be an addition of ours.
"""


def audience_api() -> str:
    """Return both schemas as one document."""
    first, second = build_schema(read_sdl("auth.graphql")), build_schema(read_sdl("default.graphql"))
    parts = [_ABOUT, f"# POST {AUTH_PATH}\n", *_types(first, set())]
    parts += [f"# POST {DEFAULT_PATH}\n", *_types(second, first.type_map.keys() - {*_ROOTS})]
    text = "\n".join(parts)
    seen: set[str] = set()
    lines = []
    for line in text.split("\n"):
        root = next((name for name in _ROOTS if line == f"type {name} {{"), None)
        if root in seen:
            line = f"extend {line}"
        elif root is not None:
            seen.add(root)
        lines.append(line)
    return "\n".join(lines)


def _types(schema: GraphQLSchema, known: set[str]) -> list[str]:
    """Print the types that are not known yet, the roots first. A root that is extended has no description."""
    names = [name for name in schema.type_map if not name.startswith("__") and name not in known]
    names.sort(key=lambda name: _ROOTS.index(name) if name in _ROOTS else len(_ROOTS))
    found = []
    for name in names:
        type_ = schema.type_map[name]
        if name in _ROOTS and known and isinstance(type_, GraphQLObjectType):
            type_.description = None
        if type_.ast_node is not None:
            found.append(print_type(type_) + "\n")
    return found


def admin_api() -> str:
    """Return the description of the Admin API."""
    return json.dumps(DESCRIPTION, indent=1, ensure_ascii=False) + "\n"


def admin_roles() -> str:
    """Return who may do what, for people."""
    lines = [_ROLES_ABOUT, f"| endpoint | what | {' | '.join(ROLES)} |", "| --- | --- |" + " :-: |" * len(ROLES)]
    for endpoint in ENDPOINTS:
        path = f"{PREFIX}{endpoint.path}".replace(":path}", "}")
        may = " | ".join("yes" if role in endpoint.roles else "" for role in ROLES)
        lines.append(f"| `{endpoint.method} {path}` | {endpoint.summary} | {may} |")
    return "\n".join(lines) + "\n"


def journal_schema() -> str:
    """Return a module with the statements that make a journal's tables, and each table's columns."""
    statements: list[str] = []

    def note(statement: ExecutableDDLElement, *_: object) -> None:
        statements.append(str(statement.compile(dialect=sqlite.dialect())))

    metadata.create_all(create_mock_engine("sqlite://", note), checkfirst=False)
    lines = [_SCHEMA_ABOUT, "STATEMENTS = (\n"]
    statements.sort(key=lambda statement: statement if " INDEX " in statement else "")  # tables as they depend
    for statement in statements:
        text = "\n".join(line.rstrip().replace("\t", "    ") for line in statement.strip().splitlines())
        lines.append(f'    """{text}""",\n')
    lines.append(")\nCOLUMNS: dict[str, tuple[str, ...]] = {\n")
    for table in metadata.sorted_tables:
        names = "".join(f'        "{column.name}",\n' for column in table.columns)
        lines.append(f'    "{table.name}": (\n{names}    ),\n')
    lines.append("}\n")
    return "".join(lines)


def files() -> dict[Path, str]:
    """Return what is made, by where it lies."""
    return {
        DOCS / "audience-api.graphql": audience_api(),
        DOCS / "admin-openapi.json": admin_api(),
        DOCS / "admin-roles.md": admin_roles(),
        ROOT / "lmg_offline" / "_journal" / "schema.py": journal_schema(),
    }


def main(words: list[str]) -> int:
    """Write the files, or check them."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date' if words == ['--check'] else 'written'}")
        if words != ["--check"]:
            path.write_text(files()[path], "utf-8")
    return int(bool(stale) and words == ["--check"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
