"""The files that people copy into their repositories' CI run commands that there are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / "examples" / "ci").glob("github-*.yaml"))
BROKEN = "archspec: 1\nname: broken\ninput: [3, 8, 8]\nlayers:\n  - fc: 10\n"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def commands(path: Path) -> list[str]:
    """The archspec commands of a workflow, in order."""
    ((_, job),) = read(path)["jobs"].items()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert "pip install archspec-nn" in runs
    return [run for run in runs if run.startswith("archspec ")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two networks."""
    (tmp_path / "networks").mkdir()
    for name in ("lenet5", "mlp"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", tmp_path / "networks")
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    archspec = f"'{sys.executable}' -m archspec "
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command.replace("archspec ", archspec, 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_workflows() -> None:
    assert len(WORKFLOWS) == 2


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_passes_on_networks_that_are_right(path: Path, repository: Path) -> None:
    for command in commands(path):
        done = run(command, repository)
        assert done.returncode == 0, done.stderr


def test_a_broken_network_fails_the_workflow_at_its_line(repository: Path) -> None:
    (repository / "networks" / "broken.yaml").write_text(BROKEN)
    check, *_ = commands(ROOT / "examples" / "ci" / "github-workflow.yaml")
    done = run(check, repository)
    assert done.returncode == 1
    assert "::error file=networks/broken.yaml,line=5," in done.stdout


def test_a_broken_network_is_uploaded_to_code_scanning(repository: Path) -> None:
    (repository / "networks" / "broken.yaml").write_text(BROKEN)
    (scan,) = commands(ROOT / "examples" / "ci" / "github-code-scanning.yaml")
    assert run(scan, repository).returncode == 0, "the upload comes after it"
    log = json.loads((repository / "archspec.sarif").read_text())
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["AS303"]


def test_the_hooks_that_the_example_asks_for_are_there_and_run(repository: Path) -> None:
    hooks = {hook["id"]: hook for hook in read(ROOT / ".pre-commit-hooks.yaml")}
    (repo,) = read(ROOT / "examples" / "ci" / "pre-commit-config.yaml")["repos"]
    assert {hook["id"] for hook in repo["hooks"]} == set(hooks)
    for hook in hooks.values():
        done = run(f"{hook['entry']} networks/lenet5.yaml networks/mlp.yaml", repository)
        assert done.returncode == 0, done.stderr
