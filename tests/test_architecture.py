"""What must stay true of the house."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lmg_offline

ROOT = Path(__file__).parent.parent


def test_importing_the_package_imports_none_of_its_dependencies() -> None:
    """They are loaded when a Client is made."""
    code = (
        "import sys, lmg_offline;"
        "heavy = ('sqlalchemy', 'urllib3', 'marshmallow', 'platformdirs', 'lmg_offline.platform');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_the_sdk_never_imports_the_platform() -> None:
    """Also not when it runs."""
    code = "import sys, lmg_offline.client; print([m for m in sys.modules if m.startswith('lmg_offline.platform')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_the_import_rules_hold() -> None:
    """The layers of ARCHITECTURE.md."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout


def test_the_public_names_are_these() -> None:
    """Changing the list is a changelog entry."""
    expected = """AsyncClient AudienceState Client ClientClosed Gender Identification IdentifyRejected JournalCorrupt
        JournalError JournalFull JournalLocked JournalUnavailable LMGError LmgSettings OfferState
        OfferStatus OfflineError Page PlatformError Profile Prompt PromptResolver Receipt RedemptionArgument
        RedemptionController RedemptionPending RedemptionReason RedemptionRefused ShareMethod Status
        ValidationError VerificationRequired __version__"""

    assert expected.split() == lmg_offline.__all__
    assert all(getattr(lmg_offline, name) is not None for name in lmg_offline.__all__)


def test_every_documented_file_exists() -> None:
    """The reading order of ARCHITECTURE.md does not rot."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = [word for word in text.split("`") if word.startswith(("lmg_offline/", "docs/")) and "." in word]

    assert 10 == len(named)
    assert [] == [name for name in named if not (ROOT / name).exists()]


def test_tools_need_nothing_but_python() -> None:
    """tools/dev.py runs without the project's environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "tools" / "dev.py")],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )

    assert (2, True) == (done.returncode, "tools/dev.py demo" in done.stderr)
