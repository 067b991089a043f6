"""A whole campaign as a library: `run_all` with real LoadGen on the echo engine returns what became of it, and says
nothing itself."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlperf_loadgen")
pytest.importorskip("rouge_score")

import echo_campaign

from submitter import campaign as c
from submitter.campaign.watcher import SILENT
from submitter.cli.closing_table import show_outcome_table
from submitter.errors import InputError, PaperworkError, RunError, SubmitterError
from submitter.harness.plan import RunPlan
from submitter.logs import read_detail
from submitter.manifest import Manifest
from submitter.model import Mode, Scenario

RUNS = [(s, m) for s in ("Offline", "Server") for m in ("performance", "accuracy", "TEST06")]
FULL_RUN = 'smoke = true\nfull_run = "full.toml"'


class Noted:
    """A watcher that writes down what it is called with."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.outcomes: list[c.PassedCheck | SubmitterError] = []
        self.events: list[tuple[str, str]] = []
        self.changes_told: list[tuple[c.RunChanges, ...]] = []
        self.scores: list[c.ScenarioScore] = []
        self.scoring_progress: list[tuple[str, str, int, int]] = []

    def stage(self, stage: c.Stage, plan: c.CampaignPlan) -> None:
        self.stages.append(str(stage))

    def preflight_checked(self, outcome: c.PassedCheck | SubmitterError) -> None:
        self.outcomes.append(outcome)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        self.events.append((kind, run.label if run else ""))

    def changes(self, changes: Sequence[c.RunChanges]) -> None:
        self.changes_told.append(tuple(changes))

    def scoring(self, benchmark: str, scenario: Scenario, done: int, total: int) -> None:
        self.scoring_progress.append((benchmark, str(scenario), done, total))

    def scored(self, score: c.ScenarioScore) -> None:
        self.scores.append(score)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[echo_campaign.Campaign, c.CampaignOutcome, Noted]:
    """A campaign that went all the way."""
    campaign = echo_campaign.make_campaign(tmp_path_factory.mktemp("library"))
    full_run(campaign)
    watcher = Noted()
    return campaign, c.run_all(campaign.file, watcher=watcher), watcher


def full_run(campaign: echo_campaign.Campaign) -> Path:
    """Name a full run: the same campaign, elsewhere, on a model that is not on this machine."""
    full = campaign.folder / "full.toml"
    text = campaign.file.read_text().replace('output = "out"', 'output = "full"')
    full.write_text(text.replace('model = "model"', 'model = "not-here"'))
    campaign.edit(campaign.file, "smoke = true", FULL_RUN)
    return full


def copied(made: tuple[echo_campaign.Campaign, c.CampaignOutcome, Noted], folder: Path) -> echo_campaign.Campaign:
    shutil.copytree(made[0].folder, folder, dirs_exist_ok=True)
    return echo_campaign.Campaign(folder)


def test_the_outcome_has_every_run_score_and_the_report(made) -> None:
    campaign, outcome, _ = made
    assert [(run.scenario, run.mode) for run in outcome.runs] == RUNS
    by_mode = {(run.scenario, run.mode): run for run in outcome.runs}
    for scenario in Scenario.OFFLINE, Scenario.SERVER:
        performance = by_mode[scenario, Mode.PERFORMANCE]
        assert performance.valid is True
        assert performance.metric is not None
        assert performance.metric.unit == "Tokens/s"
        assert performance.metric.value > 0
        assert by_mode[scenario, Mode.ACCURACY].sample_count == echo_campaign.SAMPLES
        assert by_mode[scenario, Mode.ACCURACY].valid is None
    assert outcome.tree == campaign.tree
    assert outcome.report.verdict == "preview"
    assert outcome.report.exit_code == 0
    assert [str(result.key.scenario) for result in outcome.report.results] == ["Offline", "Server"]


def test_scores_carry_their_limits(made) -> None:
    _, outcome, watcher = made
    assert [(score.benchmark, score.scenario) for score in outcome.scores] == [
        ("echo-model", Scenario.OFFLINE),
        ("echo-model", Scenario.SERVER),
    ]
    metrics = {metric.name: metric for metric in outcome.scores[0].metrics}
    assert metrics["rouge1"] == c.MetricScore(name="rouge1", value=round(100 * 58 / 64, 4), lower=80.0, upper=None)
    assert metrics["gen_num"] == c.MetricScore(name="gen_num", value=64.0, lower=None, upper=None)
    assert tuple(watcher.scores) == outcome.scores
    assert [score.passed for score in outcome.scores] == [{Mode.TEST06: True}] * 2


def test_the_watcher_hears_of_everything_in_order(made) -> None:
    _, _, watcher = made
    assert watcher.stages == ["preflight", "inputs", "runs", "scores", "assembly", "check"]
    assert [o.name for o in watcher.outcomes if isinstance(o, c.PassedCheck)][-1] == "tree"
    assert len(watcher.outcomes) == 17
    finished = [label for kind, label in watcher.events if kind == "finished"]
    assert finished == [f"{scenario} {mode}" for scenario, mode in RUNS]
    assert [label for kind, label in watcher.events if kind == "judged"] == finished
    assert watcher.scoring_progress == [
        ("echo-model", scenario, done, 64) for scenario in ("Offline", "Server") for done in (0, 64)
    ]


def test_nothing_is_printed_and_finished_runs_are_kept(made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    campaign = copied(made, tmp_path)
    # A run is kept by what it measured, and not by where it lies.
    conf = campaign.measurement("Offline", "user.conf")
    campaign.edit(conf, "target_qps = 3000", "target_qps = 3100")
    before = {run.started_utc for run in made[1].runs}
    watcher = Noted()
    outcome = c.run_all(str(campaign.file), watcher=watcher)
    (told,) = watcher.changes_told
    assert [each.stays for each in told] == [False] * 3 + [True] * 3
    assert {str(change) for each in told for change in each.changes} == {"user.conf: *.Offline.target_qps 3000 -> 3100"}
    assert [kind for kind, _ in watcher.events].count("kept") == 3
    assert [kind for kind, _ in watcher.events].count("finished") == 3
    assert {run.started_utc for run in outcome.runs if run.scenario is Scenario.SERVER} <= before
    again = c.run_all(c.load_campaign(campaign.file))
    assert again.runs == outcome.runs
    assert again.scores == outcome.scores
    assert capfd.readouterr() == ("", "")


def test_the_closing_table_has_the_figures_of_the_logs(made, capsys: pytest.CaptureFixture[str]) -> None:
    _, outcome, _ = made
    show_outcome_table(outcome)
    table = capsys.readouterr().out
    runs = tuple(
        run.model_copy(
            update={
                "valid": False,
                "metric": run.metric and run.metric.model_copy(update={"value": run.metric.value * 10}),
            }
        )
        for run in outcome.runs
    )
    show_outcome_table(replace(outcome, runs=runs))
    assert capsys.readouterr().out == table
    assert table.count(" VALID") == 2
    log = read_detail(outcome.plan.runs[0][2].folder / "mlperf_log_detail.txt")
    assert f"{log['result_tokens_per_second']:,.2f} Tokens/s" in table


def test_scoring_and_assembly_work_alone(made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    campaign = copied(made, tmp_path)
    shutil.rmtree(campaign.tree)
    verdicts = list(campaign.output.glob("runs/**/verify_accuracy.txt"))
    for text in [*campaign.output.glob("runs/**/accuracy.txt"), *verdicts]:
        text.unlink()
    with pytest.raises(InputError, match=r"is not scored yet: it has no accuracy\.txt"):
        c.assemble(campaign.file)
    progress: list[tuple[object, ...]] = []
    assert c.score_campaign(campaign.file, on_progress=lambda *told: progress.append(told)) == made[1].scores
    assert progress[-1] == ("echo-model", Scenario.SERVER, 64, 64)
    assert len(verdicts) == 2
    assert all("TEST06 verification complete" in path.read_text() for path in verdicts)
    assert c.assemble(campaign.file) == campaign.tree
    with pytest.raises(InputError, match=r"cannot be used for round v6\.0: .*seed"):
        c.assemble(campaign.file, "v6.0")
    assert capfd.readouterr() == ("", "")


def test_an_edited_score_is_neither_shown_nor_assembled(made, tmp_path: Path) -> None:
    """What was made from other inputs, such as another version of the scorer, is scored again, too."""
    campaign = copied(made, tmp_path)
    folder = campaign.output / "runs/echo-system/echo-model/Offline/accuracy"
    text, scored = folder / "accuracy.txt", folder / "scored.json"
    honest, receipt = text.read_text(), scored.read_text()
    edited = re.sub(r"'rouge1': [\d.]+", "'rouge1': 99.9", honest)
    assert edited != honest
    text.write_text(edited)
    with pytest.raises(InputError, match=r"accuracy\.txt was changed after the run was scored"):
        c.assemble(campaign.file)
    assert c.score_campaign(campaign.file) == made[1].scores
    assert (text.read_text(), scored.read_text()) == (honest, receipt)
    scored.write_text(re.sub(r'"rouge-score": "[^"]*"', '"rouge-score": "0.0.1"', receipt))
    assert c.score_campaign(campaign.file) == made[1].scores
    assert scored.read_text() == receipt


def test_a_preflight_error_carries_all_problems_and_nothing_is_run(tmp_path: Path) -> None:
    campaign = echo_campaign.make_campaign(tmp_path)
    full_run(campaign).unlink()
    campaign.measurement("Offline", "README.md").write_text("")
    campaign.edit(campaign.measurement("Server", "engine.toml"), "output_tokens", "output_token")
    watcher = Noted()
    with pytest.raises(c.PreflightError) as caught:
        c.run_all(campaign.file, watcher=watcher)
    messages = [problem.message for problem in caught.value.problems]
    assert len(messages) == 2
    assert "has no setting 'output_token'" in messages[0]
    assert messages[1] == f"full_run: there is no campaign file {campaign.folder / 'full.toml'}"
    assert caught.value.exit_code == 2
    assert caught.value.message == f"nothing was run: {messages[0]} (and 1 more)"
    assert watcher.stages == ["preflight"]
    reported = [o for o in watcher.outcomes if isinstance(o, SubmitterError)]
    assert [o for o in reported if not isinstance(o, PaperworkError)] == list(caught.value.problems)
    (due,) = (o for o in reported if isinstance(o, PaperworkError))
    assert due.message == f"{campaign.measurement('Offline', 'README.md')} is missing or empty"
    assert not list(campaign.output.rglob("record.json"))


def test_a_run_that_fails_is_an_error_of_its_own(tmp_path: Path) -> None:
    campaign = echo_campaign.make_campaign(tmp_path)
    campaign.edit(campaign.measurement("Server", "engine.toml"), "[settings]", "[settings]\nfail_after = 100")
    with pytest.raises(RunError, match="set to fail after 100 requests"):
        c.run_all(campaign.file)
    assert {path.parent.parent.name for path in campaign.output.rglob("record.json")} == {"Offline"}
    assert not campaign.tree.exists()


def test_one_run_can_be_chosen(tmp_path: Path) -> None:
    campaign = echo_campaign.make_campaign(tmp_path)
    plan = c.make_plan(c.load_campaign(campaign.file))
    with c.locked(plan.campaign.output):
        c.make_runs(plan, SILENT, scenario=Scenario.OFFLINE, mode=Mode.ACCURACY)
    (record,) = campaign.output.rglob("record.json")
    assert record.parent.relative_to(campaign.output / "runs") == Path("echo-system/echo-model/Offline/accuracy")


def test_the_full_run_is_told_of_in_the_tree_without_its_model(made) -> None:
    campaign, outcome, _ = made
    (manifest,) = campaign.tree.rglob("submitter_manifest.json")
    full = Manifest.model_validate_json(manifest.read_bytes()).full_run
    assert full is not None
    assert full.command == "submitter run-all full.toml"
    assert full.expected_s == round(outcome.plan.expected_s)
    assert not (campaign.folder / "full").exists()
