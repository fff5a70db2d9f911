"""`lmg-offline platform property|key`: what an operator needs when nobody can sign in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmg_offline.cli.main import main
from lmg_offline.cli.platform import ROLES
from lmg_offline.platform.admin_api import access
from lmg_offline.platform.server import running


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Return the exit code, and what was printed."""
    code = main(["platform", *words])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


def test_an_operator_lets_somebody_in_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new owner's key, for a property found by its name; then the lost one is revoked, the last one never."""
    database = ("--database", f"sqlite:///{tmp_path / 'platform.db'}")
    _, lost = run(capsys, "property", "create", "Acme", *database)
    _, listed = run(capsys, "property", "list", *database)
    (acme,) = listed["properties"]
    of_acme = ("--property", acme["id"], *database)
    _, before = run(capsys, "key", "list", *of_acme)
    (lost_id,) = [row["id"] for row in before["admin_keys"]]
    last, _ = run(capsys, "key", "revoke", lost_id, *of_acme)
    made, new = run(capsys, "key", "create", "Ann", *of_acme)
    revoked, _ = run(capsys, "key", "revoke", lost_id, *of_acme)
    _, after = run(capsys, "key", "list", *of_acme)

    assert ("Acme", 1, 0, 0) == (acme["name"], last, made, revoked)
    assert {lost_id: False, new["id"]: True} == {row["id"]: row["revoked_at"] is None for row in after["admin_keys"]}
    assert not any(key in str(after) for key in (lost["admin_key"], new["admin_key"]))
    assert (2, None) == run(capsys, "key", "revoke", "nobody", *of_acme)
    assert (2, None) == run(capsys, "key", "create", "Ann", "--property", "nothing", *database)


def test_the_roles_of_the_command_are_those_of_the_platform() -> None:
    """Said twice, since the platform is not installed everywhere."""
    assert access.ROLES == ROLES


def test_the_keys_of_development_are_announced_after_a_rotation(tmp_path: Path) -> None:
    """The new one, or nobody could use the platform that was started again."""
    from tests.e2e.support import Admin

    url = f"sqlite:///{tmp_path / 'platform.db'}"
    with running(url) as platform:
        admin = Admin(platform)
        (key,) = admin.get("admin-keys")["items"]
        status, rotated = admin.ask("POST", f"admin-keys/{key['id']}/rotate")
        refused = admin.ask("GET", "users")[0]
    with running(url) as again:
        pass

    assert (200, 401) == (status, refused)
    assert rotated["admin_key"] == again.admin_key
