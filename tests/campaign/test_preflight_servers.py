"""The servers of engine `endpoint` before any run: what is wrong with each, and what each division allows."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlperf_loadgen")
pytest.importorskip("aiohttp")

import echo_campaign
from fault_server import FaultServer

from submitter import campaign as c
from submitter.campaign.machine import check_accelerators
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.preflight_servers import check_servers
from submitter.campaign.run import _require_no_caching
from submitter.errors import InputError, NotInstalledError, RunError, SubmitterError
from submitter.model import Division

CACHING = 'vllm:cache_config_info{enable_prefix_caching="True"} 1.0'


def outline(folder: Path, division: str = "open", *, engine_toml: str = "", **settings: Any) -> CampaignOutline:
    """A campaign of echo_campaign, with both scenarios on the servers of `settings`."""
    made = echo_campaign.make_campaign(folder)
    made.edit(made.file, 'division = "open"', f'division = "{division}"')
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    for scenario in ("Offline", "Server"):
        text = engine_toml or f'engine = "endpoint"\n[settings]\n{lines}'
        made.measurement(scenario, "engine.toml").write_text(text)
    return c.outline_campaign(c.load_campaign(made.file))


def outcomes(*arguments: Any, **options: Any) -> list[SubmitterError | str]:
    return list(check_servers(outline(*arguments, **options)))


def messages(found: list[SubmitterError | str]) -> list[str]:
    return [each if isinstance(each, str) else each.message for each in found]


def test_a_good_server_is_named_with_its_version_and_looked_at_once(tmp_path: Path) -> None:
    with FaultServer() as server:
        assert outcomes(tmp_path, urls=[server.url]) == [f"{server.url}: tiny, version 0.32.0, caches no prefixes"]
        assert len(server.received) == 1  # Offline and Server have the same settings


@pytest.mark.parametrize("division", ["closed", "network"])
def test_prefix_caching_is_refused_where_the_rules_forbid_it(tmp_path: Path, division: str) -> None:
    with FaultServer(metrics=CACHING) as server:
        found = outcomes(tmp_path, division, urls=[server.url])
    (refused,) = [each for each in found if isinstance(each, InputError) and "caches prefixes" in each.message]
    assert refused.message == f"{server.url} caches prefixes, and division {division} forbids it"
    assert "--no-enable-prefix-caching" in refused.hint


def test_prefix_caching_is_said_in_the_open_division_and_so_is_not_knowing(tmp_path: Path) -> None:
    with FaultServer(metrics=CACHING) as server:
        assert outcomes(tmp_path / "on", urls=[server.url]) == [
            f"{server.url}: tiny, version 0.32.0; warning: it caches prefixes"
        ]
    with FaultServer(metrics="") as server:
        assert outcomes(tmp_path / "unknown", "closed", urls=[server.url]) == [
            f"{server.url}: tiny, version 0.32.0; warning: whether it caches prefixes is unknown: make sure that it "
            "does not"
        ]


def test_everything_wrong_is_reported_together_with_its_server(tmp_path: Path) -> None:
    with FaultServer(max_model_len=50) as short, FaultServer(form="text") as text, FaultServer() as good:
        found = outcomes(tmp_path, urls=[short.url, text.url, good.url, "http://127.0.0.1:1"])
    assert messages(found) == [
        f"{short.url} takes 50 tokens, the longest prompt and its answer may have 94",
        f"{text.url} returned text without token ids",
        f"{good.url}: tiny, version 0.32.0, caches no prefixes",
        "http://127.0.0.1:1 cannot be reached: connection refused",
    ]


def test_a_server_that_is_down_blocks_a_run_and_no_plan_and_takes_no_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began_s = time.monotonic()
        (found,) = outcomes(tmp_path, urls=[url], connect_timeout_s=0.5)
        assert time.monotonic() - began_s < 3
    assert isinstance(found, NotInstalledError)  # what `plan` reports and passes over
    assert found.message == f"{url} sent nothing for 0.5 s"


def test_settings_that_the_check_of_the_engines_refuses_are_not_reported_again(tmp_path: Path) -> None:
    assert outcomes(tmp_path, urls=[]) == []


def test_the_network_division_requires_servers_of_another_system(tmp_path: Path) -> None:
    found = messages(outcomes(tmp_path / "echo", "network", engine_toml='engine = "echo"\n'))
    assert [each.partition("engine.toml: ")[2] for each in found] == [
        "engine 'echo' runs on LoadGen's own system, and the SUT is networked"
    ] * 2
    with FaultServer(form="text") as server:
        toml = 'engine = "endpoint"\noffline_order = "longest_first"\n[settings]\nserver = "openai"\nanswers = "text"\n'
        toml += f'urls = ["{server.url}"]\n'
        found = messages(outcomes(tmp_path / "text", "network", engine_toml=toml))
    assert [each.partition("engine.toml: ")[2] for each in found[:3]] == [
        'answers = "text" is not allowed in division network: tokenising answers is post-processing',
        'offline_order = "longest_first" is not allowed in division network: sorting queries is pre-processing',
        f"{server.url} is on LoadGen's own system, and the division is network",
    ]


def test_an_open_system_that_is_networked_names_itself_so(tmp_path: Path) -> None:
    made = echo_campaign.make_campaign(tmp_path)
    description = json.loads((tmp_path / "system.json").read_text())
    (tmp_path / "system.json").write_text(json.dumps({**description, "is_network": "true"}))
    plan = c.make_plan(c.load_campaign(made.file))
    assert [session.is_network for benchmark in plan.benchmarks for session in benchmark.sessions] == [True]
    (tmp_path / "system.json").write_text(json.dumps({**description, "is_network": "false"}))
    other = c.make_plan(c.load_campaign(made.file))
    assert not other.benchmarks[0].sessions[0].is_network
    (session, run), (plain, _) = (
        (each.benchmarks[0].sessions[0], each.benchmarks[0].sessions[0].runs[0]) for each in (plan, other)
    )
    assert session.fingerprint(run, "", "") != plain.fingerprint(run, "", "")  # they would not measure the same


def test_the_accelerators_are_the_servers_own(tmp_path: Path) -> None:
    made = outline(tmp_path, "closed", urls=["http://127.0.0.1:1"])
    description = json.loads((tmp_path / "system.json").read_text())
    (tmp_path / "system.json").write_text(json.dumps({**description, "accelerators_per_node": "8"}))
    assert list(check_accelerators(made)) == ["those of the servers, which this host cannot see"]


def test_a_run_on_a_server_that_cached_after_all_has_no_record() -> None:
    facts = {"http://a version": "1", "http://a prefix_caching": "on (/metrics)"}
    with pytest.raises(RunError, match="http://a caches prefixes, and division closed forbids it"):
        _require_no_caching(Division.CLOSED, facts)
    _require_no_caching(Division.OPEN, facts)
    _require_no_caching(Division.CLOSED, {"http://a prefix_caching": "off (/metrics)"})
