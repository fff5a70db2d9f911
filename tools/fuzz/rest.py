"""Every endpoint of the Admin API, as its OpenAPI description says it may be asked, and as it says it may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from lmg_offline.platform.admin_api.routes import ENDPOINTS
from tools.fuzz.site import USER, Outcome, Site

ROOT = Path(__file__).resolve().parents[2]
# What it asks of the boundaries alone is this much; less than that is drawn at random.
OF_BOUNDARIES = 6000
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "missing_required_header",
)


def fuzz(site: Site, count: int, seed: int) -> Outcome:
    """Let schemathesis send about `count` requests; its own words about what it found are printed."""
    phases = "fuzzing" if count < OF_BOUNDARIES else "coverage,fuzzing,stateful"
    examples = max(1, (count if count < OF_BOUNDARIES else count - OF_BOUNDARIES) // len(ENDPOINTS))
    with tempfile.TemporaryDirectory(prefix="lmg-fuzz-") as folder:
        told = Path(folder) / "told.json"
        report = Path(folder) / "report.json"
        knows = {
            "user_id": [USER],
            "segment_id": ["all"],
            "content_id": ["food", "cafe", "downtown", "coffee", "warm"],
            "key_id": [*site.spare_ids],
        }
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tools.fuzz.hooks",
            "LMG_FUZZ_TOLD": str(told),
            "LMG_FUZZ_KNOWN": json.dumps(knows),
            "LMG_FUZZ_OWN": json.dumps(site.own_ids),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{site.endpoint}/admin/openapi.json",
            *("--header", f"Authorization: Bearer {site.admin_key}"),
            *("--checks", ",".join(CHECKS)),
            *("--phases", phases),
            *("--max-examples", str(examples)),
            *("--seed", str(seed)),
            *("--report-json-path", str(report)),
            "--continue-on-failure",
            "--no-shrink",
            *("--warnings", "off"),
        ]
        done = subprocess.run(command, cwd=folder, env=environment, check=False)
        if not report.exists() or not told.exists():
            return Outcome(0, Counter(), [f"schemathesis ended with {done.returncode} and said nothing"])
        found = json.loads(report.read_text("utf-8"))
        statuses = Counter({int(status): times for status, times in json.loads(told.read_text("utf-8")).items()})
    faults = [f"Admin API: {failure}" for failure in [*found["failures"], *found["errors"]]]
    if done.returncode and not faults:
        faults.append(f"schemathesis ended with {done.returncode}")
    if not _answers(site):
        faults.append("the key of the run opens nothing any more: what came after that says nothing")
    return Outcome(sum(statuses.values()), statuses, faults)


def _answers(site: Site) -> bool:
    request = urllib.request.Request(
        f"{site.endpoint}/admin/v1/property", headers={"Authorization": f"Bearer {site.admin_key}"}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return False
