"""A closed v6.1 campaign from its templates to a complete tree, of which the check misses only what is shortened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import rehearsal
from rehearsal import submitter

from submitter.rulebook import load_rulebook

RESULTS = f"closed/Example/results/{rehearsal.SYSTEM}/{rehearsal.BENCHMARK}"
SAMPLES = 24576
# What a shortened clock must break, and what a part of the data set must.
DURATIONS = {"PRF006", "PRF007"}
PARTIAL = {"ACC003", "ACC004", "PRF008", "PRF009", "PRF028"}


def go_all_the_way(made: rehearsal.Rehearsal) -> dict:
    """templates, what a person does, plan, run-all and check; returns the check's report."""
    file = str(made.file)
    early = submitter("plan", file)
    assert early.returncode == 0, early.stderr
    for words in ("README.md is missing", "calibration.md is missing", f"{rehearsal.SYSTEM}.json is missing"):
        assert re.search(f"^preflight due .*{words}", early.stderr, re.MULTILINE)
    written = submitter("templates", file)
    assert written.returncode == 0, written.stderr
    assert len(written.stdout.splitlines()) == 7
    unwritten = submitter("run-all", file, timeout_s=900)
    assert unwritten.returncode == 2
    mark = r"bandwidth\.md:\d+: a person must write this part: number and bandwidth"
    assert re.search(f"^preflight due .*{mark}", unwritten.stderr, re.MULTILINE)
    assert re.search(f"^submitter: .*{mark}", unwritten.stderr, re.MULTILINE)
    assert len(list(made.output.glob("runs/**/record.json"))) == 6
    assert not made.tree.exists()
    assert made.fill_in() >= 15
    assert submitter("templates", file).stdout == ""

    planned = submitter("plan", file)
    assert planned.returncode == 0, planned.stderr
    done = submitter("run-all", file, timeout_s=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("kept: finished before with the same settings") == 6
    files = {str(path.relative_to(made.tree)) for path in made.tree.rglob("*") if path.is_file()}
    assert files == {line[2:] for line in planned.stdout.splitlines() if line[2:].startswith("closed/")}
    for scenario in ("Offline", "Server"):
        text = (made.tree / RESULTS / scenario / "accuracy/accuracy.txt").read_text()
        found = json.loads(text.splitlines()[0].replace("'", '"'))
        for metric, wanted in made.scores.items():
            assert found[metric] == pytest.approx(wanted, abs=0.05 if metric == "tokens_per_sample" else 1e-4)
    checked = submitter("check", str(made.tree), "--round", "v6.1", "--format", "json")
    assert checked.returncode == 0, checked.stdout
    report: dict = json.loads(checked.stdout)
    return report


def judge(report: dict, may_miss: set[str]) -> None:
    """Nothing is found, and waived is only what a rehearsal cannot have."""
    assert report["findings"] == []
    assert {waived["rule"] for waived in report["waived"]} <= may_miss
    assert {waived["rule"] for waived in report["waived"]} >= DURATIONS
    assert [(result["scenario"], result["verdict"]) for result in report["results"]] == [
        ("Offline", "preview"),
        ("Server", "preview"),
    ]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[rehearsal.Rehearsal, dict]:
    """A rehearsal of few samples that went all the way, and the check's report on it."""
    made = rehearsal.make(tmp_path_factory.mktemp("closed"), 512, seconds=2)
    return made, go_all_the_way(made)


def test_a_small_closed_rehearsal(small: tuple[rehearsal.Rehearsal, dict]) -> None:
    judge(small[1], DURATIONS | PARTIAL)


@pytest.mark.parametrize("round_name", ["v5.1", "v6.0"])
def test_another_round_is_refused_where_the_logs_are_not_its_own(
    small: tuple[rehearsal.Rehearsal, dict], round_name: str
) -> None:
    made, _ = small
    done = submitter("assemble", str(made.file), "--round", round_name)
    assert done.returncode == 2
    own, other = load_rulebook("v6.1"), load_rulebook(round_name)
    assert f"these runs cannot be used for round {round_name}" in done.stderr
    for (name, found), (_, wanted) in zip(own.seeds, other.seeds, strict=True):
        assert f"{name} is {found}, the round requires {wanted}" in done.stderr
    assert "LoadGen is 6.0.17" in done.stderr
    assert f'run them again with round = "{round_name}"' in done.stderr
    assert not made.tree.with_name(f"preview-{round_name}").exists()


@pytest.mark.parametrize("round_name", ["v5.1", "v6.0"])
def test_another_round_is_laid_out_where_the_logs_allow_it(
    small: tuple[rehearsal.Rehearsal, dict], tmp_path: Path, round_name: str
) -> None:
    """No LoadGen makes logs for two rounds, so they are given here what that round's LoadGen would have written."""
    made = rehearsal.moved(small[0], tmp_path)
    rehearsal.give_seeds(made, load_rulebook(round_name))
    done = submitter("assemble", str(made.file), "--round", round_name)
    assert done.returncode == 0, done.stderr
    tree = made.tree.with_name(f"preview-{round_name}")
    assert done.stdout.strip() == str(tree)
    owner = tree / "closed/Example"
    if round_name == "v5.1":
        place = owner / "measurements" / rehearsal.SYSTEM / rehearsal.BENCHMARK / "Server"
        assert {path.name for path in place.iterdir()} == {
            "README.md",
            "user.conf",
            "engine.toml",
            f"{rehearsal.SYSTEM}_submitter_Server.json",
        }
        assert (owner / "code" / rehearsal.BENCHMARK / "submitter" / "sut.py").is_file()
        assert (owner / "compliance" / rehearsal.SYSTEM / rehearsal.BENCHMARK / "Server/TEST06").is_dir()
    checked = submitter("check", str(tree), "--round", round_name, "--format", "json")
    assert checked.returncode == 0, checked.stdout
    judge(json.loads(checked.stdout), DURATIONS | PARTIAL)


@pytest.mark.slow
def test_the_whole_data_set(tmp_path: Path) -> None:
    judge(go_all_the_way(rehearsal.make(tmp_path, SAMPLES, seconds=6)), DURATIONS)
