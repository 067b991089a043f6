"""Each check of preflight finds its mistake in a campaign that is right, and all are reported together."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mlperf_loadgen")

import echo_campaign

from submitter import campaign as c
from submitter.campaign.file import NO_NAME
from submitter.campaign.preflight import preflight
from submitter.errors import PaperworkError, SubmitterError
from submitter.harness import engines
from submitter.harness.dataset import write_dataset
from submitter.system import accelerators
from submitter.system.accelerator import Accelerator, Accelerators

Made = echo_campaign.Campaign
Change = Callable[[Made], object]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return echo_campaign.make_campaign(tmp_path)


def problems(made: Made) -> list[SubmitterError]:
    outcomes = preflight(c.outline_campaign(c.load_campaign(made.file)))
    return [outcome for outcome in outcomes if isinstance(outcome, SubmitterError)]


def in_engine_toml(text: str) -> Change:
    def change(made: Made) -> None:
        path = made.measurement("Server", "engine.toml")
        path.write_text(path.read_text().replace("[settings]", f"{text}\n[settings]"))

    return change


def with_vllm(settings: str) -> Change:
    """Server is run by vLLM, on a model of 12 attention heads."""

    def change(made: Made) -> None:
        pytest.importorskip("vllm")
        (made.folder / "model/config.json").write_text('{"dtype": "bfloat16", "num_attention_heads": 12}')
        made.measurement("Server", "engine.toml").write_text(f'engine = "vllm"\n[settings]\n{settings}\n')

    return change


def empty_reference(made: Made) -> None:
    write_dataset(made.folder / "data", "words", [[5, 6]] * 64, ["yes"] * 63 + [" "], "0" * 64)


CASES: dict[str, tuple[Change, str]] = {
    "no model": (lambda m: m.edit(m.file, 'model = "model"', 'model = "modle"'), "there is no checkpoint folder"),
    "no data set": (lambda m: m.edit(m.file, '"data"', '"date"'), "there is no data set"),
    "an empty reference": (empty_reference, "1 of 64 reference answers are empty"),
    "more samples drawn than there are": (
        lambda m: m.edit(m.measurement("Server", "user.conf"), "override = 64", "override = 65"),
        "performance_sample_count_override = 65, the runs have 64 samples",
    ),
    "an unknown metric": (lambda m: m.edit(m.file, "rouge1 =", "rogue1 ="), "there is no metric 'rogue1'"),
    "output is a file": (lambda m: (m.folder / "out").write_text(""), "out: it is a file, and a folder"),
    "output below a file": (
        lambda m: m.edit(m.file, '"out"', '"system.json/out"'),
        "system.json: it is a file, and a folder",
    ),
    "one list of cores too many": (
        in_engine_toml('[binding]\nengines = ["0", "0"]'),
        "Server: \\[binding\\] engines has 2 lists of cores, the engine has 1 processes",
    ),
    "a core that is not there": (in_engine_toml('[binding]\nharness = "65000"'), "names core 65000"),
    "two wrong settings": (with_vllm("max_modle_len = 99"), "vLLM has no engine argument 'max_modle_len'"),
    "a short model length": (
        with_vllm("max_model_len = 80"),
        r"the engine takes 80 tokens, the longest prompt and its answer may have \d+",
    ),
    "heads that cannot be divided": (with_vllm("tensor_parallel_size = 5"), "over 5 devices .* 12 attention heads"),
    "more memory than there is": (with_vllm("gpu_memory_utilization = 90.0"), "= 90 is not a share of the memory"),
    "no devices": (with_vllm("data_parallel_size = 0"), "data_parallel_size = 0 is not a number"),
}


def test_nothing_is_wrong_with_it(made: Made) -> None:
    assert problems(made) == []


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found(made: Made, name: str) -> None:
    change, words = CASES[name]
    change(made)
    found = [problem.message for problem in problems(made) if not isinstance(problem, PaperworkError)]
    assert any(re.search(words, message) for message in found), found


def test_more_devices_than_described(made: Made) -> None:
    with_vllm("tensor_parallel_size = 4\ndata_parallel_size = 4")(made)
    made.edit(made.folder / "system.json", '"accelerators_per_node": "0"', '"accelerators_per_node": "8"')
    assert any("uses 16 devices" in problem.message for problem in problems(made))


SPREAD = """tensor_parallel_size = 4
data_parallel_size = 4
data_parallel_size_local = 2
data_parallel_address = "127.0.0.1"
"""


def describe(made: Made, devices: int, machines: int) -> None:
    fields = f'"accelerators_per_node": "{devices}", "number_of_nodes": "{machines}"'
    made.edit(made.folder / "system.json", '"accelerators_per_node": "0"', fields)


@pytest.mark.parametrize(
    ("devices", "machines", "expected"),
    [
        (8, 2, ""),
        (4, 2, "the engine uses 8 devices on each machine, .* describes 4"),
        (8, 1, "4 ranks, 2 a machine, are on 2 machines, .* has number_of_nodes = 1"),
        (8, 4, "4 ranks, 2 a machine, are on 2 machines, .* has number_of_nodes = 4"),
    ],
)
def test_machines_and_devices_as_described(made: Made, devices: int, machines: int, expected: str) -> None:
    with_vllm(SPREAD)(made)
    describe(made, devices, machines)
    found = [
        text for problem in problems(made) if re.search(r"on \d+ machines|on each machine", text := problem.message)
    ]
    assert len(found) == bool(expected), found
    assert all(re.search(expected, message) for message in found), found


def test_an_address_of_one_machine_for_all(made: Made) -> None:
    with_vllm(SPREAD + '[env]\nVLLM_HOST_IP = "10.0.0.1"')(made)
    assert any("[env] sets VLLM_HOST_IP" in problem.message for problem in problems(made))


def test_the_lists_of_cores_are_those_of_one_machine(made: Made) -> None:
    with_vllm(SPREAD + '[binding]\nengines = ["0", "0"]')(made)
    assert not [problem for problem in problems(made) if "lists of cores" in problem.message]


@pytest.mark.parametrize("count", [0, 8])
def test_an_engine_that_is_built_for_another_device(made: Made, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    with_vllm("")(made)
    monkeypatch.setattr(engines, "runs_on", lambda name: {"vllm": "CPU", "echo": None}[name])
    device = Accelerator(name="NVIDIA H100", uuid=None, memory_bytes=None)
    monkeypatch.setattr(accelerators, "detect", lambda: Accelerators(devices=(device,) * count, driver="NVIDIA"))
    made.edit(made.folder / "system.json", '"accelerators_per_node": "0"', '"accelerators_per_node": "8"')
    found = [problem for problem in problems(made) if "the installed" in problem.message]
    assert [problem.message for problem in found] == (
        ["the installed vllm is for the CPU, this host has 8x NVIDIA H100"] if count else []
    )
    assert all("pip install vllm==" in problem.hint for problem in found)


def test_a_submitter_that_init_did_not_know(made: Made) -> None:
    made.edit(made.file, '"Example"', f'"{NO_NAME}"')
    assert problems(made) == []  # a smoke run cannot be submitted
    made.edit(made.file, "smoke = true", "smoke = false")
    (found,) = [problem for problem in problems(made) if NO_NAME in problem.message]
    assert isinstance(found, PaperworkError)


def test_documents_block_no_run_and_are_reported(made: Made) -> None:
    made.measurement("Server", "README.md").write_text("TODO(person): how to repeat the run\n")
    made.measurement("Offline", "measurements.json").unlink()
    made.edit(made.folder / "system.json", '"cooling"', '"hw_notes_2"')
    found = problems(made)
    assert len(found) >= 3
    assert all(isinstance(problem, PaperworkError) for problem in found)
    c.require_preflight(c.outline_campaign(c.load_campaign(made.file)), lambda _: None)


def test_everything_is_reported_at_once(made: Made) -> None:
    for name in ("no model", "no data set", "an unknown metric", "a core that is not there"):
        CASES[name][0](made)
    made.measurement("Offline", "user.conf").unlink()
    made.measurement("Offline", "engine.toml").write_text("engine = 'ehco'\n")
    made.measurement("Server", "README.md").unlink()
    messages = [problem.message for problem in problems(made)]
    assert len(messages) >= 7, messages
    outline = c.outline_campaign(c.load_campaign(made.file))
    assert len(outline.all_runs) == 6
    assert outline.expected_s > 60


def test_a_submission_needs_the_name_of_its_submitter(made: Made) -> None:
    made.edit(made.file, '"Example"', '"YourOrganisation"')
    assert problems(made) == []
    made.edit(made.file, "smoke = true", "smoke = false")
    assert any(
        isinstance(problem, PaperworkError) and "YourOrganisation" in problem.message for problem in problems(made)
    )


def test_the_packages_of_scoring_are_tried_without_a_model(made: Made) -> None:
    CASES["no model"][0](made)
    outcomes = preflight(c.outline_campaign(c.load_campaign(made.file)))
    assert "scoring" in [outcome.name for outcome in outcomes if isinstance(outcome, c.PassedCheck)]
