"""What a campaign can be asked to run or tune, known from its file."""

from __future__ import annotations

import pytest
from echo_campaign import Campaign

from submitter.campaign import load_campaign, require_run, tuned_benchmark
from submitter.errors import InputError
from submitter.model import Mode, Scenario

RUNS = [f"{each} {kind}" for each in ("Offline", "Server") for kind in ("performance", "accuracy", "TEST06")]


@pytest.mark.parametrize(
    ("scenario", "mode", "named"),
    [
        (Scenario.INTERACTIVE, None, "Interactive"),
        (None, Mode.TEST07, "TEST07"),
        (Scenario.OFFLINE, Mode.TEST01, "Offline TEST01"),
    ],
)
def test_a_run_that_the_campaign_lacks(
    campaign: Campaign, scenario: Scenario | None, mode: Mode | None, named: str
) -> None:
    with pytest.raises(InputError, match=f"the campaign has no run {named}$") as error:
        require_run(load_campaign(campaign.file), scenario, mode)
    assert error.value.hint == f"it has: {', '.join(RUNS)}"


def test_a_run_that_it_has_needs_no_files(campaign: Campaign) -> None:
    (campaign.folder / "data").unlink()
    (campaign.folder / "model/config.json").unlink()
    for scenario, mode in ((None, None), (Scenario.SERVER, None), (Scenario.OFFLINE, Mode.TEST06)):
        require_run(load_campaign(campaign.file), scenario, mode)


def test_the_tests_of_the_embedded_benchmark_are_those_of_its_official_one(campaign: Campaign) -> None:
    campaign.edit(campaign.file, 'official = "llama2-70b-99.9"\n', "")
    campaign.edit(campaign.file, 'model = "model"', 'model = "embedded"')
    require_run(load_campaign(campaign.file), Scenario.OFFLINE, Mode.TEST06)


def test_the_benchmark_to_tune(campaign: Campaign) -> None:
    text = campaign.file.read_text()
    second = "[[benchmarks]]" + text.split("[[benchmarks]]")[1].replace('"echo-model"', '"other"')
    campaign.file.write_text(text + second.replace('"Offline", ', "") + second.replace('"other"', '"third"'))
    found = load_campaign(campaign.file)
    assert tuned_benchmark(found, Scenario.SERVER, "other") == "other"
    for scenario, name, message, hint in (
        (Scenario.OFFLINE, None, "Offline has no token latencies to search by", "Server or Interactive"),
        (Scenario.SERVER, None, "Server is a scenario of echo-model, other, third", "--benchmark"),
        (
            Scenario.INTERACTIVE,
            None,
            "the campaign has no benchmark with Interactive",
            "echo-model Server, other",
        ),
        (Scenario.INTERACTIVE, "third", "the campaign has no third Interactive", "third Server"),
        (Scenario.SERVER, "thrid", "unknown benchmark of the campaign 'thrid'", "did you mean 'third'?"),
    ):
        with pytest.raises(InputError) as error:
            tuned_benchmark(found, scenario, name)
        assert error.value.message == message
        assert hint in error.value.hint
