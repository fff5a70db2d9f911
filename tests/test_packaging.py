"""The wheel, installed as a user installs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE", "LMG_"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy without any leftovers."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests")
    shutil.copytree(ROOT, source, ignore=ignored)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, env=CLEAN)
    return next(out.glob("*.whl"))


def install(folder: Path, requirement: str) -> Path:
    """Return the scripts folder of an empty environment with the requirement."""
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
    subprocess.run(pip, check=True, capture_output=True, env=CLEAN)
    return scripts


@pytest.mark.timeout(600)
def test_without_extras_the_sdk_works(wheel: Path, tmp_path: Path) -> None:
    """A client writes, the command shows it, and the platform says what it needs."""
    scripts = install(tmp_path / "env", str(wheel))
    journal = str(tmp_path / "journal")
    code = (
        "from lmg_offline import Client\n"
        f"with Client('wk', data_dir={journal!r}, sync=False) as client: client.activity.track('x')"
    )
    subprocess.run([scripts / "python", "-c", code], check=True, env=CLEAN, cwd=tmp_path)
    status = [scripts / "lmg-offline", "status", "--json", "--data-dir", journal]
    found = json.loads(subprocess.run(status, check=True, capture_output=True, env=CLEAN, cwd=tmp_path).stdout)
    served = subprocess.run([scripts / "lmg-offline", "platform", "serve"], capture_output=True, text=True, env=CLEAN,
                            cwd=tmp_path, check=False)  # fmt: skip

    assert 1 == found["queued"]
    assert (3, True) == (served.returncode, "lmg-offline[platform]" in served.stderr)


@pytest.mark.timeout(600)
def test_with_the_extra_the_platform_serves_and_the_demo_runs(wheel: Path, tmp_path: Path) -> None:
    """Its first line names the endpoint and the keys; it stops when asked. The demo's people come along."""
    scripts = install(tmp_path / "env", f"lmg-offline[platform] @ {wheel.as_uri()}")
    words = ["platform", "serve", "--dev", "--port", "0", "--database", f"sqlite:///{tmp_path / 'platform.db'}"]
    child = subprocess.Popen(
        [scripts / "lmg-offline", *words], stdout=subprocess.PIPE, text=True, env=CLEAN, cwd=tmp_path
    )
    assert child.stdout is not None
    facts = json.loads(child.stdout.readline())
    with urllib.request.urlopen(f"{facts['endpoint']}/portal/sign-in", timeout=30) as reply:
        page = reply.read().decode()
    child.terminate()
    code = child.wait(30)
    child.stdout.close()

    assert {"endpoint", "write_key", "verification_key", "admin_key"} == set(facts)
    assert 0 == code
    assert "Admin key" in page and "/portal/static/portal.css" in page

    demo = [scripts / "lmg-offline", "demo", "--people", "5"]
    shown = subprocess.run(demo, capture_output=True, text=True, env=CLEAN, cwd=tmp_path, check=False)

    assert 0 == shown.returncode, shown.stdout + shown.stderr
