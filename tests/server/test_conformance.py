"""The conformance suites of the protocol's makers against the real server.

What needs a fixture tool, prompt or resource named `test_*` stands in the baseline with its
reason; a line there that begins to pass fails the run.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "conformance"
SUITE = "@modelcontextprotocol/conformance"


@pytest.fixture
def with_report(config):
    """The ledger holds a report before the server starts: without a resource that is listed, the
    caching scenarios have nothing to read.
    """
    command = [Path(sys.executable).with_name("digest"), "run", "--config", config]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("version", "options", "baseline"),
    [
        ("0.1.16", [], "0.1.16.yaml"),
        ("0.2.0-alpha.12", ["--spec-version", "2025-11-25"], "0.2.0-2025-11-25.yaml"),
        ("0.2.0-alpha.12", ["--spec-version", "2026-07-28"], "0.2.0-2026-07-28.yaml"),
        (
            "0.2.0-alpha.12",
            ["--requirements", "2026-07-28"],
            "0.2.0-requirements-2026-07-28.yaml",
        ),
    ],
)
def test_conformance(version, options, baseline, node, npm, with_report, open_url, tmp_path):
    suite = npm(SUITE, version) / "dist" / "index.js"
    command = [node, suite, "server", "--url", open_url, *options]
    command += ["--expected-failures", HERE / baseline, "-o", tmp_path / "results"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    checks = {
        path.parent.name: json.loads(path.read_text())
        for path in (tmp_path / "results").rglob("checks.json")
    }
    assert len(checks) >= 20  # not green by running nothing
    failed = {
        (scenario, check["id"])
        for scenario, found in checks.items()
        for check in found
        if check["status"] == "FAILURE"
    }
    assert not [check for _, check in failed if check == "wire-schema-valid"]
    if "--requirements" in options:
        read = [
            check["status"]
            for scenario, found in checks.items()
            for check in found
            if "caching" in scenario and "read" in check["id"]
        ]
        assert read and set(read) == {"SUCCESS"}, checks.keys()
    # A scenario in the baseline must not hide a check that needs no fixture.
    assert {check for scenario, check in failed if "server-stateless" in scenario} <= {
        "sep-2575-server-rejects-undeclared-capability",
        "sep-2575-missing-capability-http-400",
    }


def test_baselines_give_reasons():
    for baseline in HERE.glob("*.yaml"):
        lines = baseline.read_text().splitlines()
        for line in lines:
            if line.strip().startswith("- "):
                assert "#" in line, f"{baseline.name}: {line} has no reason"
