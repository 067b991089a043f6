"""The CI gate: the action's steps, the pre-commit hook and the examples, run as their services would run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((REPOSITORY / "action.yml").read_text())
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in ACTION["runs"]["steps"]}
EXAMPLES = REPOSITORY / "examples" / "ci"
SCENARIO = Path("closed/Acme/results/2xH200/llama2-70b-99.9/Offline")

from submission_tree import write_tree  # noqa: E402


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository that holds a valid submission and nothing else."""
    return write_tree(tmp_path / "workspace").root


def spoil(tree: Path) -> None:
    (tree / SCENARIO / "user.conf").unlink()


@dataclass
class Done:
    """What a step left behind."""

    code: int
    stdout: str
    stderr: str
    summary: str
    outputs: dict[str, str] = field(default_factory=dict)


def expression(text: str, inputs: dict[str, str], steps: dict[str, dict[str, str]]) -> str:
    """What the service puts in place of the expressions that the action uses."""

    def value(match: re.Match[str]) -> str:
        kind, *names = match[1].split(".")
        if kind == "inputs":
            return inputs[names[0]]
        if kind == "github":
            return {"action_path": str(REPOSITORY)}[names[0]]
        assert kind == "steps"
        return steps[names[0]][names[2]]

    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", value, text)


def run_step(
    name: str, workspace: Path, inputs: dict[str, str] | None = None, steps: dict[str, dict[str, str]] | None = None
) -> Done:
    """Run a step of the action with bash, as the runner does."""
    step = STEPS[name]
    assert step["shell"] == "bash"
    temp = workspace.parent / "runner"
    temp.mkdir(exist_ok=True)
    given = {key: str(entry["default"]) for key, entry in ACTION["inputs"].items()} | (inputs or {})
    environment = {key: expression(str(text), given, steps or {}) for key, text in step["env"].items()}
    files = {key: temp / key.lower() for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    script = temp / "script.sh"
    script.write_text(step["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=workspace,
        env=os.environ | environment | {"RUNNER_TEMP": str(temp)} | {key: str(file) for key, file in files.items()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Done(done.returncode, done.stdout, done.stderr, files["GITHUB_STEP_SUMMARY"].read_text(), outputs)


def installed(workspace: Path) -> None:
    """Stand in for the install step: this interpreter and this working tree where the step would put them."""
    bin_folder = workspace.parent / "runner" / "submitter" / "bin"
    bin_folder.mkdir(parents=True, exist_ok=True)
    for name, command in (("python", ""), ("submitter", " -m submitter.cli")):
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{command} "$@"\n')
        script.chmod(0o755)


def check(workspace: Path, **inputs: str) -> Done:
    installed(workspace)
    return run_step("check", workspace, {key.replace("_", "-"): text for key, text in inputs.items()})


def test_a_valid_submission_passes_the_action(tree: Path) -> None:
    done = check(tree, round="v6.1")
    assert (done.code, done.stderr) == (0, "")
    assert done.outputs["verdict"] == "pass"
    assert done.outputs["errors"] == "0"
    assert done.summary.startswith("## ✅ submitter check: pass")
    assert re.fullmatch(r"(::notice .*::.*\n)+", done.stdout)
    assert json.loads(Path(done.outputs["report"]).read_text())["round"] == "v6.1"
    assert json.loads(Path(done.outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert sorted(path.name for path in tree.iterdir()) == ["closed"]


def test_a_broken_submission_fails_the_action_and_says_why(tree: Path) -> None:
    spoil(tree)
    done = check(tree)
    assert done.code == 1
    assert done.outputs["verdict"] == "fail"
    assert int(done.outputs["errors"]) >= 1
    assert f"::error file={SCENARIO}/user.conf,title=MEA002" in done.stdout
    assert done.summary.startswith("## ❌ submitter check: fail")
    (run,) = json.loads(Path(done.outputs["sarif"]).read_text())["runs"]
    assert "MEA002" in {result["ruleId"] for result in run["results"]}


def test_a_submission_in_a_folder_is_annotated_there(tree: Path) -> None:
    spoil(tree)
    done = check(tree.parent, path=tree.name)
    assert f"::error file={tree.name}/{SCENARIO}/user.conf,title=MEA002" in done.stdout


def test_the_inputs_reach_the_check(tree: Path) -> None:
    spoil(tree)
    waivers = {"MEA002": 'it\'s in the mail, "really"', "PRV001": "$(touch pwned) no `manifest`"}
    waived = check(tree, waive="\n\n".join(f"{rule}={why}" for rule, why in waivers.items()), profile="full")
    assert waived.code == 0
    report = json.loads(Path(waived.outputs["report"]).read_text())
    assert {entry["rule"]: entry["why"] for entry in report["waived"]} == waivers
    selected = run_step("check", tree, {"select": "MEA,PRF001\nPRF004", "ignore": "MEA002 MEA003"})
    assert selected.code == 0
    assert json.loads(Path(selected.outputs["report"]).read_text())["summary"]["rules"] > 2
    assert run_step("check", tree, {"profile": "official"}).code == 1
    assert run_step("check", tree, {"fail-on": "never"}).code == 0
    # All that is wrong with this tree is a file that is missing still.
    assert run_step("check", tree, {"submitter": "Acme", "partial": "true"}).outputs["verdict"] == "pass"
    assert not (tree / "pwned").exists()


def test_the_action_takes_the_settings_of_the_repository(tree: Path) -> None:
    spoil(tree)
    settings = tree.parent / "submitter.toml"
    settings.write_text('[check]\nfail-on = "never"\nprofile = "official"\n')
    done = check(tree.parent, path=tree.name)
    assert done.code == 0
    assert "submitter.toml sets profile, fail-on" in done.stdout
    assert json.loads(Path(done.outputs["report"]).read_text())["profile"] == "official"
    replaced = run_step("check", tree.parent, {"path": tree.name, "fail-on": "error", "profile": "full"})
    assert replaced.code == 1
    assert json.loads(Path(replaced.outputs["report"]).read_text())["profile"] == "full"
    stranger = settings.replace(tree / "submitter.toml")
    assert run_step("check", tree.parent, {"path": tree.name}).code == 1, stranger


@pytest.mark.parametrize(
    "inputs",
    [
        {"path": "none"},
        {"path": "--help"},
        {"path": "x\n::error::pwned"},
        {"path": "; touch pwned"},
        {"round": "v9.9"},
        {"round": "$(touch pwned)"},
        {"profile": "'; touch pwned; '"},
        {"submitter": "Acmee"},
        {"select": "* $(touch pwned)"},
        {"ignore": "; touch pwned"},
        {"waive": "PRF004"},
        {"waive": "NOT001=$(touch pwned)"},
        {"fail_on": "`touch pwned`"},
    ],
)
def test_wrong_input_fails_the_action_with_one_annotation(tree: Path, inputs: dict[str, str]) -> None:
    done = check(tree, **inputs)
    assert done.code == 2
    assert re.fullmatch(r"::error title=submitter::(?:.*%0A)?submitter: .+\n", done.stdout)
    assert (done.stderr, done.summary, done.outputs) == ("", "", {})
    assert [path.name for path in tree.iterdir()] == ["closed"]


def test_the_action_is_put_together_soundly() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        if "run" in step:
            assert "${{" not in step["run"], "inputs go through the environment: in a script they could be commands"
    used = set(re.findall(r"inputs\.([\w-]+)", (REPOSITORY / "action.yml").read_text()))
    assert used == set(ACTION["inputs"])
    left = STEPS["check"]["run"]
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.check.outputs.{name} }}}}"
        assert f"{name}=" in left


def test_the_example_workflow_uses_what_the_action_has() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-workflow.yml").read_text())
    job = workflow["jobs"]["check"]
    steps = job["steps"]
    (ours,) = (step for step in steps if "/submitter@" in step.get("uses", ""))
    assert set(ours["with"]) <= set(ACTION["inputs"])
    (upload,) = (step for step in steps if "upload-sarif" in step.get("uses", ""))
    used = set(re.findall(rf"steps\.{ours['id']}\.outputs\.(\w+)", str(upload)))
    assert used == {"sarif"} <= set(ACTION["outputs"])
    assert upload["if"].startswith("always()")
    assert job["permissions"]["security-events"] == "write"


def gitlab_job() -> tuple[dict[str, Any], dict[str, str]]:
    pipeline = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    return pipeline["check-submission"], pipeline["variables"]


@pytest.mark.parametrize("broken", [False, True])
def test_the_gitlab_example_leaves_a_junit_report(tree: Path, broken: bool) -> None:
    if broken:
        spoil(tree)
    job, variables = gitlab_job()
    install, *lines = job["script"]
    assert install.startswith("python -m pip install")
    installed(tree)
    path = f"{tree.parent / 'runner' / 'submitter' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=tree,
        env=os.environ | variables | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (int(broken), "")
    assert ("FAIL" if broken else "PASS") in done.stdout
    artifacts = job["artifacts"]
    assert artifacts["when"] == "always"
    cases = ElementTree.parse(tree / artifacts["reports"]["junit"]).getroot().iter("testcase")
    failed = {(case.get("classname"), case.get("name")) for case in cases if case.find("failure") is not None}
    assert failed == ({(str(SCENARIO.parent), "Offline")} if broken else set())
    (report,) = artifacts["paths"]
    assert json.loads((tree / report).read_text())["verdict"] == ("fail" if broken else "pass")


def hook() -> dict[str, Any]:
    (entry,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(entry, dict)
    return entry


@pytest.mark.parametrize("broken", [False, True])
def test_the_pre_commit_hook_judges_the_working_tree(tree: Path, broken: bool) -> None:
    if broken:
        spoil(tree)
    installed(tree)
    command = [*shlex.split(hook()["entry"]), *hook()["args"]]
    command[0] = str(tree.parent / "runner" / "submitter" / "bin" / command[0])
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=300)
    assert done.returncode == int(broken), done.stderr
    assert ("MEA002" in done.stdout) == broken
    assert hook()["pass_filenames"] is False
    assert re.search(hook()["files"], str(SCENARIO / "user.conf"))
    assert re.search(hook()["files"], f"submission/{SCENARIO}/user.conf")
    assert not re.search(hook()["files"], "docs/closed.md")


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=Acme", "-c", "user.email=acme@example.org"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
def test_the_action_installs_itself_and_gitlab_the_project(tree: Path) -> None:
    done = run_step("install", tree, steps={"python": {"python-path": sys.executable}})
    if done.code:
        pytest.skip(f"pip cannot install here: {done.stderr.splitlines()[-1:]}")
    assert run_step("check", tree).outputs["verdict"] == "pass"
    spoil(tree)
    job, variables = gitlab_job()
    bin_folder = tree.parent / "runner" / "submitter" / "bin"
    gitlab = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=tree,
        env=os.environ | variables | {"SUBMITTER": str(REPOSITORY), "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert gitlab.returncode == 1, gitlab.stderr
    assert "MEA002" in gitlab.stdout


@pytest.mark.slow
def test_pre_commit_runs_the_hook(tree: Path, tmp_path: Path) -> None:
    pre_commit = shutil.which("pre-commit")
    if pre_commit is None:
        subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "tools")], check=True)
        pip = [str(tmp_path / "tools" / "bin" / "python"), "-m", "pip", "install", "--quiet", "pre-commit"]
        if subprocess.run(pip).returncode:
            pytest.skip("pre-commit cannot be installed here")
        pre_commit = str(tmp_path / "tools" / "bin" / "pre-commit")
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "a submission")

    def tried() -> subprocess.CompletedProcess[str]:
        command = [str(pre_commit), "try-repo", str(REPOSITORY), "submitter-check", "--all-files", "--verbose"]
        environment = os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "hooks")}
        return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)

    done = tried()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    spoil(tree)
    git(tree, "add", "--all")
    done = tried()
    assert done.returncode == 1
    assert "MEA002" in done.stdout
