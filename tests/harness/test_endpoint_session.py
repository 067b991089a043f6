"""Engine `endpoint` under a real LoadGen, in the harness's own child process, against a server of this process."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from echo_sessions import EOS, SAMPLES, USER_CONF, Watched
from fault_server import FaultServer, answer_to

pytest.importorskip("aiohttp")
pytest.importorskip("mlperf_loadgen")

from submitter.errors import NotInstalledError, RunError
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.layout import ACCURACY_LOG
from submitter.logs import read_accuracy
from submitter.model import Mode, Scenario

Run = Callable[..., Watched]
ACCURACY = (Scenario.SERVER, Mode.ACCURACY)
SERVER = (Scenario.SERVER, Mode.PERFORMANCE)
OFFLINE = (Scenario.OFFLINE, Mode.PERFORMANCE)


@pytest.fixture
def run(tmp_path: Path, dataset: Path) -> Run:
    def run(
        runs: list[tuple[Scenario, Mode]],
        urls: list[str],
        *,
        is_network: bool = False,
        stall_s: float = 20,
        read: Callable[[Finished], None] | None = None,
        **settings: Any,
    ) -> Watched:
        conf = tmp_path / "user.conf"
        conf.write_text(USER_CONF)
        watched = Watched()
        plan = SessionPlan(
            engine=EngineSettings(engine="endpoint", warm_up_prompts=4, settings={"urls": urls, **settings}),
            engine_plan=EnginePlan(model="none", max_new_tokens=64, eos_token_id=EOS),
            dataset=dataset,
            is_network=is_network,
            runs=tuple(
                RunPlan(
                    scenario=scenario,
                    mode=mode,
                    loadgen_model="llama2-70b",
                    user_conf=conf,
                    folder=tmp_path / "runs" / scenario / mode,
                    expected_samples=SAMPLES,
                    expected_s=1.0,
                )
                for scenario, mode in runs
            ),
        )

        def keep(done: Finished) -> None:
            watched.finished.append(done)
            if read is not None:
                read(done)

        run_session(plan, tmp_path / "work", Limits(60, stall_s), watched, keep)
        return watched

    return run


@pytest.mark.parametrize("client_processes", [1, 2])
def test_runs_on_two_servers_with_every_answer_its_prompt_s(run: Run, prompts: Dataset, client_processes: int) -> None:
    found: dict[int, list[int]] = {}

    def read(done: Finished) -> None:
        if done.run.mode is Mode.ACCURACY:
            for entry in read_accuracy(done.folder / ACCURACY_LOG):
                found[entry.qsl_idx] = list(array("i", entry.data))

    with FaultServer() as one, FaultServer() as other:
        urls = [one.url, other.url]
        watched = run([ACCURACY, OFFLINE, SERVER], urls, read=read, client_processes=client_processes)
    assert found == {index: answer_to(prompts.prompt(index), 64) for index in range(SAMPLES)}
    for done in watched.finished:
        assert done.log.errors == ()
        assert set(done.answers) == set(urls)
        assert sum(done.answers.values()) == done.sample_count
        assert min(done.answers.values()) > done.sample_count * 0.2
        assert done.engine_facts[f"{one.url} version"] == "0.32.0"
        assert done.log["sut_name"] == "PySUT"


def test_a_networked_sut_is_asked_for_its_name_over_the_network(run: Run) -> None:
    with FaultServer() as one, FaultServer() as other:
        watched = run([SERVER], [one.url, other.url], is_network=True)
        asked = [server.paths.count("/v1/models") for server in (one, other)]
    name = f"Network SUT: tiny at {one.url[7:]}, tiny at {other.url[7:]}"
    assert watched.finished[0].log["sut_name"] == name
    assert min(asked) >= 2  # before the run, and by LoadGen
    assert watched.finished[0].log.errors == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("500", "refused a request with status 500: EngineCore encountered an issue: out of memory"),
        ("reset", "closed the connection before the end of an answer"),
        ("lost chunk", "sent 7 token ids of an answer, and counts 8 tokens (usage)"),
        ("stalled", "sent nothing for 2 s"),
    ],
)
def test_a_fault_ends_the_run_with_the_server_s_words_and_no_verdict(
    run: Run, tmp_path: Path, fault: str, message: str
) -> None:
    with FaultServer(fault, after=40) as server:
        began_s = time.monotonic()
        with pytest.raises(RunError) as caught:
            run([SERVER], [server.url], request_timeout_s=2.0)
    assert time.monotonic() - began_s < 15
    assert f"{server.url} {message}" in caught.value.message
    assert list((tmp_path / "runs/Server").iterdir()) == []


def test_a_server_that_is_not_there_is_named(run: Run) -> None:
    with pytest.raises(NotInstalledError) as caught:
        run([SERVER], ["http://127.0.0.1:1"])
    assert caught.value.message == "http://127.0.0.1:1 cannot be reached: connection refused"
