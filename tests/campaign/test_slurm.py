"""A campaign as a job: its machines, and whether its time limit is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from echo_campaign import Campaign

from submitter.campaign import SlurmPlan, load_campaign, plan_slurm_job
from submitter.errors import InputError, SeveralErrors

GPU_ENGINE = """
engine = "vllm"
[settings]
tensor_parallel_size = 4
data_parallel_size = {ranks}
data_parallel_size_local = {local}
"""


def planned(campaign: Campaign, lines: str) -> SlurmPlan:
    text = campaign.file.read_text()
    campaign.file.write_text(f"{text}\n[slurm]\n{lines}\n")
    return plan_slurm_job(load_campaign(campaign.file))


def refused(campaign: Campaign, lines: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        planned(campaign, lines)
    error = caught.value
    return [each.message for each in error.problems] if isinstance(error, SeveralErrors) else [error.message]


def with_engine(campaign: Campaign, text: str) -> None:
    for scenario in ("Offline", "Server"):
        campaign.measurement(scenario, "engine.toml").write_text(text)


def long_run(campaign: Campaign, minutes: int) -> None:
    conf = campaign.measurement("Server", "user.conf")
    campaign.edit(conf, "Server.min_duration = 2000", f"Server.min_duration = {minutes * 60_000}")


def test_a_campaign_without_the_table_says_what_to_add(campaign: Campaign) -> None:
    with pytest.raises(InputError, match=r"has no table \[slurm\]"):
        plan_slurm_job(load_campaign(campaign.file))


def test_an_unknown_key_gets_the_nearest(campaign: Campaign) -> None:
    campaign.file.write_text(campaign.file.read_text() + '[slurm]\ntime = 5\npartitoin = "gpu"\n')
    with pytest.raises(InputError) as caught:
        load_campaign(campaign.file)
    assert "unknown key 'slurm.partitoin'" in caught.value.message
    assert "partition" in caught.value.hint


def test_one_machine_and_one_job_unless_the_files_say_otherwise(campaign: Campaign) -> None:
    plan = planned(campaign, "time = 30")
    assert (plan.job.nodes, plan.starts) == (1, 1)
    assert plan.job.campaign == campaign.file
    assert plan.job.logs == campaign.output / "slurm"


@pytest.mark.parametrize(("ranks", "local", "machines"), [(4, 2, 2), (5, 2, 3), (8, 1, 8), (2, 2, 1)])
def test_the_machines_follow_from_engine_toml(campaign: Campaign, ranks: int, local: int, machines: int) -> None:
    with_engine(campaign, GPU_ENGINE.format(ranks=ranks, local=local))
    assert planned(campaign, "time = 30\ngpus_per_node = 8").job.nodes == machines


@pytest.mark.parametrize(("ranks", "local", "nodes"), [(4, 2, 3), (2, 2, 2), (4, 2, 1)])
def test_another_number_of_machines_is_refused(campaign: Campaign, ranks: int, local: int, nodes: int) -> None:
    with_engine(campaign, GPU_ENGINE.format(ranks=ranks, local=local))
    assert refused(campaign, f"time = 30\nnodes = {nodes}") == [
        f"[slurm] nodes is {nodes}, and engine.toml needs {-(-ranks // local)}: data_parallel_size ranks, "
        "data_parallel_size_local on each machine"
    ]


def test_an_engine_that_leaves_the_ranks_of_a_machine_open_is_refused(campaign: Campaign) -> None:
    with_engine(campaign, GPU_ENGINE.format(ranks=4, local=0))
    assert refused(campaign, "time = 30\nnodes = 3") == [
        "the engine of 'echo-model' does not say how many ranks a machine serves"
    ]


def test_sizes_that_are_not_numbers_are_refused_without_vllm(campaign: Campaign) -> None:
    with_engine(campaign, GPU_ENGINE.format(ranks='"4"', local=2))
    assert refused(campaign, "time = 30") == ["vllm, the engine of 'echo-model': not all of its sizes are numbers"]


def test_fewer_gpus_than_the_engine_uses_are_refused(campaign: Campaign) -> None:
    with_engine(campaign, GPU_ENGINE.format(ranks=4, local=2))
    assert refused(campaign, 'time = 30\ngpus_per_node = "h100:4"') == [
        "[slurm] gpus_per_node is 4, but the engine of 'echo-model' uses 8 on a machine"
    ]


def test_a_run_longer_than_the_limit_is_refused_because_no_job_finishes_it(campaign: Campaign) -> None:
    long_run(campaign, 30)
    (message,) = refused(campaign, "time = 30")
    assert message.startswith("Server performance takes 31 min with the engine's loading, and a job of [slurm] time")
    assert "'30' has 27 min for runs: it would never finish" in message


def test_the_limit_that_the_message_names_is_enough(campaign: Campaign) -> None:
    long_run(campaign, 30)
    with pytest.raises(InputError) as caught:
        planned(campaign, "time = 30")
    assert caught.value.hint == "allow at least 34 min"
    campaign.edit(campaign.file, "time = 30", "time = 34")
    assert plan_slurm_job(load_campaign(campaign.file)).starts == 3  # what comes before and after it has its own


def test_a_campaign_longer_than_the_limit_needs_several_jobs(campaign: Campaign) -> None:
    long_run(campaign, 30)
    campaign.edit(
        campaign.measurement("Offline", "user.conf"), "Offline.min_duration = 40", "Offline.min_duration = 1200000"
    )
    assert planned(campaign, "time = 40").starts == 2
    campaign.edit(campaign.file, "time = 40", "time = 40\nmax_requeues = 0")
    with pytest.raises(InputError, match=r"takes 2 jobs of .* and max_requeues = 0 allows 1"):
        plan_slurm_job(load_campaign(campaign.file))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("setup = ['export HF_TOKEN=hf_abcdefghijklmnopqrst']", "slurm.setup: HF_TOKEN"),
        ("setup = ['export URL=\"https://me:secret@example.org\"']", "slurm.setup: URL"),
        ("options = ['--export=ALL,API_KEY=abc']", "slurm.options: API_KEY"),
    ],
)
def test_a_secret_is_kept_out_of_the_script(campaign: Campaign, line: str, name: str) -> None:
    (message,) = refused(campaign, f"time = 30\n{line}")
    assert f"{name} looks like a secret" in message


def test_what_is_in_the_environment_already_may_be_named(campaign: Campaign) -> None:
    assert planned(campaign, "time = 30\nsetup = ['export TOKENIZERS_PARALLELISM=false HF_HOME=/data']")


def test_the_container_must_have_what_the_campaign_needs(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    messages = refused(campaign, 'time = 30\n[slurm.container]\nimage = "x"\nmounts = ["/data:/data"]')
    folder = campaign.folder
    wanted = [campaign.file, campaign.output, folder / "system.json", *(folder / n for n in ("model", "data"))]
    wanted.append(folder / "measurements")
    assert [message.rpartition(" ")[2] for message in messages] == [str(path) for path in wanted]
    campaign.edit(campaign.file, "/data:/data", f"{folder}:{folder}")
    assert plan_slurm_job(load_campaign(campaign.file))


def test_the_home_folder_is_there_unless_the_table_says_no(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(campaign.folder))
    assert planned(campaign, 'time = 30\n[slurm.container]\nimage = "x"')
    campaign.edit(campaign.file, 'image = "x"', 'image = "x"\nmount_home = false')
    with pytest.raises(InputError, match="the container would not have"):
        plan_slurm_job(load_campaign(campaign.file))


def test_an_output_that_slurm_would_rewrite_is_refused(campaign: Campaign) -> None:
    campaign.edit(campaign.file, 'output = "out"', 'output = "out-%j"')
    (message,) = refused(campaign, "time = 30")
    assert f"output is '{Path(campaign.folder, 'out-%j/slurm')}'" in message
