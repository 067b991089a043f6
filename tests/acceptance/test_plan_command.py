"""`submitter plan`: all that can be known before a run, and what of it is wrong already."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rehearsal

from submitter import campaign as c
from submitter.campaign.preflight import preflight
from submitter.errors import NotInstalledError, SubmitterError
from submitter.harness import engines, loadgen

Change = Callable[[rehearsal.Rehearsal], object]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> rehearsal.Rehearsal:
    """A closed campaign that lacks nothing but its runs."""
    made = rehearsal.make(tmp_path_factory.mktemp("ready"), 128, seconds=1)
    c.write_templates(c.load_campaign(made.file))
    made.fill_in()
    return made


@pytest.fixture
def made(ready: rehearsal.Rehearsal, tmp_path: Path) -> rehearsal.Rehearsal:
    return rehearsal.moved(ready, tmp_path)


def wrong(made: rehearsal.Rehearsal) -> list[str]:
    """What preflight finds wrong, its message and hint in one."""
    outcomes = preflight(c.make_plan(c.load_campaign(made.file)))
    return [f"{o.message} -> {o.hint}" for o in outcomes if isinstance(o, SubmitterError)]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_is_wrong_with_it(made: rehearsal.Rehearsal) -> None:
    assert wrong(made) == []


CASES: list[tuple[str, Change, str]] = [
    (
        "an engine without a model",
        lambda m: (edit(m.file, "smoke = true", ""), edit(m.file, "sample_limit = 128", "")),
        "engine 'echo' serves no model",
    ),
    (
        "a scenario is missing",
        lambda m: edit(m.file, '"Offline", "Server"', '"Offline"'),
        "the check reports .*a required scenario is missing \\(required: Server or Interactive\\) \\(STR008\\)",
    ),
    (
        "no documentation",
        lambda m: edit(m.file, 'documentation = "documentation"\n', ""),
        "has no documentation.*submitter templates writes templates",
    ),
    (
        "no bandwidth document",
        lambda m: (m.documentation / "bandwidth.md").unlink(),
        r"bandwidth\.md is missing or empty",
    ),
    (
        "an unwritten part of a document",
        lambda m: edit(m.documentation / "calibration.md", "said by a person", "TODO(person): the formats"),
        r"calibration\.md:\d+: a person must write this part: the formats",
    ),
    (
        "an unwritten part of a README",
        lambda m: edit(m.measurements / "Server/README.md", "said by a person", "TODO(person): where from"),
        r"Server/README\.md:\d+: a person must write this part: where from",
    ),
    (
        "an unwritten field",
        lambda m: edit(m.measurements / "Server/measurements.json", "Llama-2-70b-chat-hf", "TODO(person): weights"),
        r"Server/measurements\.json:\d+: a person must write this part: weights",
    ),
    (
        "an unwritten field of the system",
        lambda m: edit(m.description, "said by a person", "TODO(person): what cools it"),
        r"rehearsal-box\.json: .*: a person must write this part: what cools it",
    ),
    (
        "a field of the system is missing",
        lambda m: m.description.write_text(json.dumps(json.loads(m.description.read_text()) | {"cooling": ""})),
        "lacks cooling|cooling is",
    ),
    (
        "another limit",
        lambda m: (m.measurements / "Server/user.conf").open("a").write("*.Server.ttft_latency = 3000\n"),
        "TTFT 3000 ms.*llama2-70b-99.9 Server requires TTFT 2000 ms",
    ),
    (
        "samples issued otherwise",
        lambda m: (m.measurements / "Server/user.conf").open("a").write("*.*.sample_concatenate_permutation = 0\n"),
        "changes sample_concatenate_permutation",
    ),
]


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_wrong_is_named(made: rehearsal.Rehearsal, change: Change, words: str) -> None:
    change(made)
    found = wrong(made)
    assert any(re.search(words, one) for one in found), found
    # Whatever assembly would refuse, preflight refuses; and it says each thing once.
    assert len(found) == len(set(found))


def test_all_is_said_at_once(made: rehearsal.Rehearsal) -> None:
    for _, change, _ in (CASES[1], CASES[3], CASES[9]):
        change(made)
    (made.measurements / "Offline" / "README.md").unlink()
    assert len(wrong(made)) >= 3


def test_without_loadgen_and_engine_it_still_plans(made: rehearsal.Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise NotInstalledError("LoadGen is not installed")

    def no_engine(*_: object) -> None:
        raise NotInstalledError("the engine is not installed")

    asked = c.make_plan(c.load_campaign(made.file))
    monkeypatch.setattr(loadgen, "_module", missing)
    monkeypatch.setattr(loadgen, "version", missing)
    monkeypatch.setattr(engines, "check_settings", no_engine)
    plan = c.make_plan(c.load_campaign(made.file))
    assert not plan.benchmarks[0].from_loadgen
    assert plan.benchmarks[0].settings == asked.benchmarks[0].settings
    assert [run for *_, run in plan.runs] == [run for *_, run in asked.runs]
    outcomes = [o for o in preflight(plan) if isinstance(o, SubmitterError)]
    assert [type(outcome) for outcome in outcomes] == [NotInstalledError, NotInstalledError]


def test_the_command_shows_settings_files_and_disk_and_runs_nothing(made: rehearsal.Rehearsal) -> None:
    done = rehearsal.submitter("plan", str(made.file))
    assert done.returncode == 0, done.stderr
    assert "LoadGen's settings, read from LoadGen" in done.stdout
    assert "seeds: qsl 2085463073848966840" in done.stdout
    assert "2000 ms" in done.stdout
    owner = "closed/Example"
    assert f"  {owner}/documentation/calibration.md" in done.stdout
    assert f"* {owner}/results/rehearsal-box/llama2-70b-99.9/Server/TEST06/verify_accuracy.txt" in done.stdout
    assert "GB needed at most" in done.stderr
    assert not (made.output / "runs").exists()


def test_templates_touch_nothing_that_is_there(made: rehearsal.Rehearsal) -> None:
    (made.documentation / "bandwidth.md").write_text("mine, 400 Gb/s\n")
    (made.documentation / "calibration.md").unlink()
    done = rehearsal.submitter("templates", str(made.file))
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [str(made.documentation / "calibration.md")]
    assert (made.documentation / "bandwidth.md").read_text() == "mine, 400 Gb/s\n"


def test_a_quantised_models_own_document_is_taken(made: rehearsal.Rehearsal) -> None:
    (made.documentation / "calibration.md").unlink()
    (made.file.parent / "llama2-70b-fp8" / "calibration.md").write_text("# Weights: FP8\n")
    c.write_templates(c.load_campaign(made.file))
    assert (made.documentation / "calibration.md").read_text() == "# Weights: FP8\n"


def test_bandwidth_is_worked_out_from_rates_and_lengths(made: rehearsal.Rehearsal) -> None:
    (made.documentation / "bandwidth.md").unlink()
    campaign = c.load_campaign(made.file)
    c.write_templates(campaign)
    longest = c.make_plan(campaign).benchmarks[0].dataset.header.max_prompt_tokens
    row = (
        f"| llama2-70b-99.9 | Server | 64 | {longest} tokens | {longest * 4 * 64:,} | 1024 tokens | {1024 * 4 * 64:,} |"
    )
    assert row in (made.documentation / "bandwidth.md").read_text()


@pytest.mark.parametrize("command", ["plan", "run-all"])
@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_benchmark_whose_compliance_tests_cannot_be_run_is_refused(
    campaign: Any, division: str, command: str
) -> None:
    """In words, and before anything else of it is looked at: its checkpoint would take minutes to read."""
    edit(campaign.file, 'division = "open"', f'division = "{division}"')
    if division == "closed":
        edit(campaign.file, 'name = "echo-model"\nofficial = "llama2-70b-99.9"', 'name = "gpt-oss-120b"')
    else:
        edit(campaign.file, "llama2-70b-99.9", "gpt-oss-120b")
    edit(campaign.file, 'model = "model"', 'model = "none"')
    done = rehearsal.submitter(command, str(campaign.file))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert (
        "this version cannot run TEST07 and TEST09, which round v6.1 requires for gpt-oss-120b; TEST07 needs a data"
    ) in done.stderr
    assert "remove gpt-oss-120b from the campaign" in done.stderr
    assert not campaign.output.exists()
