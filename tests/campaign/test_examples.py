"""The campaigns in examples/: they load, and what is there of them fits their rounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from submitter import documents
from submitter.campaign import load_campaign
from submitter.campaign.settings import computed_settings
from submitter.model import Division, Mode
from submitter.rulebook import load_rulebook

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CAMPAIGNS = sorted(EXAMPLES.glob("*.toml"))
CLOSED = [path for path in CAMPAIGNS if load_campaign(path).division is Division.CLOSED]


def test_there_is_a_closed_one_for_each_round() -> None:
    assert {load_campaign(path).round for path in CLOSED} == {"v5.1", "v6.0", "v6.1"}


@pytest.mark.parametrize("path", CLOSED, ids=lambda path: path.stem)
def test_a_closed_campaign_has_all_scenarios_and_the_rounds_settings(path: Path) -> None:
    campaign = load_campaign(path)
    book = load_rulebook(campaign.round)
    assert campaign.documentation is not None
    for table in campaign.benchmarks:
        rules = book.benchmark(table.name)
        wanted = rules.scenarios_for("datacenter")
        assert wanted is not None
        assert set(wanted.required) <= set(table.scenarios) <= wanted.allowed
        assert set(table.scenarios) & set(wanted.one_of or table.scenarios)
        for scenario in table.scenarios:
            settings = computed_settings(book, table.name, scenario, table.measurements / scenario / "user.conf")
            limits = rules.token_latency.get(scenario)
            if limits:
                assert (settings.ttft_limit_ns, settings.tpot_limit_ns) == (limits.ttft_ns, limits.tpot_ns)
            assert settings.min_duration_ms >= book.round.min_duration_ms
            samples = settings.expected_samples(scenario, Mode.PERFORMANCE, rules.dataset_size)
            assert samples % rules.dataset_size == 0
            assert settings.expected_seconds(scenario, Mode.PERFORMANCE, rules.dataset_size) < 3600


@pytest.mark.parametrize("path", CLOSED, ids=lambda path: path.stem)
def test_an_example_cannot_be_submitted_by_mistake(path: Path) -> None:
    """What only the submitter knows of his machine is marked, not made up."""
    description = load_campaign(path).system.description.read_text()
    assert list(documents.unfilled(description))
