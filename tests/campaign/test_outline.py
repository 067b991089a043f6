"""An outline needs no weights and no samples; the full run of a smoke campaign is outlined before any run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mlperf_loadgen")

import echo_campaign

from submitter import campaign as c
from submitter.campaign.full_run import expected_full_run
from submitter.campaign.preflight import preflight
from submitter.errors import InputError, SubmitterError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def campaign(tmp_path: Path) -> echo_campaign.Campaign:
    """A smoke campaign whose full run is itself, to be changed."""
    made = echo_campaign.make_campaign(tmp_path)
    (tmp_path / "full.toml").write_text(made.file.read_text())
    made.edit(made.file, "smoke = true", 'smoke = true\nfull_run = "full.toml"')
    return made


def test_it_expects_what_the_plan_of_the_full_run_does() -> None:
    full = expected_full_run(c.load_campaign(REPOSITORY / "examples/demo.toml"))
    plan = c.make_plan(c.load_campaign(REPOSITORY / "examples/tiny-open.toml"))
    assert full is not None
    assert (full.command, full.expected_s) == ("submitter run-all tiny-open.toml", round(plan.expected_s))


def test_neither_weights_nor_samples_are_read(campaign: echo_campaign.Campaign) -> None:
    whole = expected_full_run(c.load_campaign(campaign.file))
    (campaign.folder / "model/model.safetensors").unlink()
    content = bytearray((campaign.folder / "data").read_bytes())
    content[-4] ^= 1  # the checksum is wrong now
    (campaign.folder / "data").write_bytes(content)
    assert expected_full_run(c.load_campaign(campaign.file)) == whole


def test_a_campaign_without_one_expects_none(campaign: echo_campaign.Campaign) -> None:
    assert expected_full_run(c.load_campaign(campaign.folder / "full.toml")) is None
    campaign.edit(campaign.file, "smoke = true", "smoke = false")
    assert expected_full_run(c.load_campaign(campaign.file)) is None


Change = Callable[[echo_campaign.Campaign], object]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: (m.folder / "full.toml").unlink(), "full_run: there is no campaign file"),
        (lambda m: m.edit(m.folder / "full.toml", "v6.1", "v6.11"), r"full_run: .*full\.toml: unknown round 'v6.11'"),
        (lambda m: m.edit(m.folder / "full.toml", "scenarios", "scenarois"), "unknown key 'benchmarks.0.scenarois'"),
        (lambda m: m.edit(m.folder / "full.toml", '"data"', '"none"'), "full_run: there is no data set"),
        (
            lambda m: m.edit(m.folder / "full.toml", '"measurements"', '"none"'),
            r"full_run: there is no measurements folder .*none",
        ),
        (lambda m: m.edit(m.folder / "full.toml", "eos_token_id = 2", ""), "full_run: .* lacks eos_token_id"),
    ],
)
def test_a_wrong_full_run_is_found_in_preflight(campaign: echo_campaign.Campaign, change: Change, words: str) -> None:
    plan = c.make_plan(c.load_campaign(campaign.file))
    assert [o for o in preflight(plan) if isinstance(o, SubmitterError)] == []
    change(campaign)
    with pytest.raises(InputError, match=words):
        expected_full_run(plan.campaign)
    wrong = [o.message for o in preflight(plan) if isinstance(o, SubmitterError)]
    assert len(wrong) == 1
    assert wrong[0].startswith("full_run: ")
