"""A campaign file: everything that is wrong with it is reported at once, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from echo_campaign import Campaign

from submitter.campaign import load_campaign
from submitter.campaign.file import validated
from submitter.errors import InputError, SeveralErrors, SubmitterError
from submitter.harness.plan import EngineSettings

DOCS = "submitter init writes each file with its keys explained"
SCENARIOS = "Offline, Server, Interactive, SingleStream or MultiStream"


def problems(campaign: Campaign, *edits: tuple[str, str]) -> list[tuple[str, str]]:
    """The messages, without the file's name, and the hints."""
    for old, new in edits:
        campaign.edit(campaign.file, old, new)
    with pytest.raises(SubmitterError) as error:
        load_campaign(campaign.file)
    return told(error.value, str(campaign.file))


def told(error: SubmitterError, where: str) -> list[tuple[str, str]]:
    found = error.problems if isinstance(error, SeveralErrors) else (error,)
    assert all(type(problem) is InputError for problem in found)
    return [(problem.message.removeprefix(f"{where}: "), problem.hint) for problem in found]


def test_a_campaign_is_read(campaign: Campaign) -> None:
    assert load_campaign(campaign.file).submitter == "Example"


def test_a_misspelt_file_gets_the_nearest_one_beside_it(campaign: Campaign) -> None:
    for name, hint in (("campaing.toml", f"did you mean '{campaign.file}'?"), ("x", "submitter init writes one")):
        with pytest.raises(InputError, match="there is no campaign file") as error:
            load_campaign(campaign.file.parent / name)
        assert error.value.hint.startswith(hint)


def test_all_errors_are_reported_at_once(campaign: Campaign) -> None:
    found = problems(
        campaign,
        ("v6.1", "v6.11"),
        ('division = "open"', 'divison = "open"'),
        ("smoke = true", 'smoke = "perhaps"'),
        ('"echo-system"', '"../up"'),
        ('"Server"]', '"Serve"]'),
        ('model = "model"', "model = 5"),
        ("max_new_tokens = 64", "max_new_tokens = 6.5"),
        ("start_s = 60", "start_s = -1"),
    )
    assert dict(found) == {
        "unknown round 'v6.11'": "did you mean 'v6.1'?",
        "unknown key 'divison'": "did you mean 'division'?",
        "'smoke' is 'perhaps', and must be true or false": DOCS,
        "'system.id': '../up' must begin with a letter or a digit, and may hold letters, digits and . _ + - only": DOCS,
        "'limits.start_s' is -1, and must be more than 0": DOCS,
        f"'benchmarks.0.scenarios.1' is 'Serve', and must be {SCENARIOS}": "did you mean 'Server'?",
        "'benchmarks.0.model' is 5, and must be a text in quotes": DOCS,
        "'benchmarks.0.max_new_tokens' is 6.5, and must be a whole number": DOCS,
    }


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ('"open"', '"closd"', "'division' is 'closd', and must be closed, open or network", "did you mean 'closed'?"),
        ('"Offline"', '"offline"', "'benchmarks.0.scenarios.0' is 'offline'", "did you mean 'Offline'?"),
        ("submitter =", "submiter =", "unknown key 'submiter'", "did you mean 'submitter'?"),
        ("stall_s", "stal_s", "unknown key 'limits.stal_s'", "did you mean 'stall_s'?"),
        ("eos_token_id", "eos_token", "unknown key 'benchmarks.0.eos_token'", "did you mean 'eos_token_id'?"),
        ('output = "out"\n', "", "'output' is missing", DOCS),
        ('output = "out"', 'output = ""', "'output': a path must not be empty", DOCS),
        ('["Offline", "Server"]', "[]", "'benchmarks.0.scenarios' is empty, and must have at least 1", DOCS),
        ('["Offline", "Server"]', '"Offline"', "'benchmarks.0.scenarios' is 'Offline', and must be a list", DOCS),
        ('"Server"]', '"Server", "Server"]', "benchmark 'echo-model' has scenario Server twice", "remove one of them"),
        ('round = "v6.1"', 'round = "v6.1"\npath = "x"', "unknown key 'path'", "remove it"),
        ('round = "v6.1"', "round = 6.1", "'round' is 6.1, and must be a text in quotes", DOCS),
        (
            "rouge1 = 80.0",
            'rouge1 = "high"',
            "'benchmarks.0.accuracy_target.rouge1' is 'high'",
            DOCS,
        ),
        ("[system]", "[[system]]", "'system' is a list of 1, and must be a table", DOCS),
    ],
)
def test_an_error_in_words(campaign: Campaign, old: str, new: str, message: str, hint: str) -> None:
    ((found, how),) = problems(campaign, (old, new))
    assert found.startswith(message)
    assert how == hint


def test_two_benchmarks_of_one_name(campaign: Campaign) -> None:
    text = campaign.file.read_text()
    campaign.file.write_text(text + "[[benchmarks]]" + text.split("[[benchmarks]]")[1])
    ((found, _),) = problems(campaign)
    assert found == "two benchmarks are named 'echo-model'"


def test_a_syntax_error_has_its_line_and_column(campaign: Campaign) -> None:
    ((found, _),) = problems(campaign, ('division = "open"', "division = open"))
    assert found.endswith("is not a TOML file: Invalid value (at line 3, column 12)")


def test_a_byte_order_mark_is_no_error(campaign: Campaign) -> None:
    campaign.file.write_text(campaign.file.read_text(), "utf-8-sig")
    assert load_campaign(campaign.file).round == "v6.1"


def test_all_errors_of_the_engine_settings_are_reported_at_once() -> None:
    data = {
        "engin": "echo",
        "in_flight": 0,
        "offline_order": "longest_frist",
        "binding": {"harness": "a-b", "engine": ["0"]},
        "sampling": {"temperature": -1, "top_k": "many"},
        "env": {"A": 5},
    }
    with pytest.raises(SeveralErrors) as error:
        validated(EngineSettings, data, "engine.toml")
    assert dict(told(error.value, "engine.toml")) == {
        "unknown key 'engin'": "did you mean 'engine'?",
        "'in_flight' is 0, and must be at least 1": DOCS,
        "'offline_order' is 'longest_frist', and must be as_issued or longest_first": "did you mean 'longest_first'?",
        "'binding.harness': 'a-b' is not a list of cores such as 0-15,128-143": DOCS,
        "unknown key 'binding.engine'": "did you mean 'engines'?",
        "'sampling.temperature' is -1, and must be at least 0": DOCS,
        "'sampling.top_k' is 'many', and must be a whole number": DOCS,
        "'env.A' is 5, and must be a text in quotes": DOCS,
    }


def test_a_secret_in_the_engine_settings_is_not_shown() -> None:
    with pytest.raises(InputError) as error:
        validated(EngineSettings, {"engine": "echo", "env": {"HF_TOKEN": "hf_verysecret"}}, "engine.toml")
    assert "HF_TOKEN looks like a secret" in error.value.message
    assert "verysecret" not in error.value.message


def test_a_path_that_leads_in_a_circle_is_left_for_the_reader(campaign: Campaign, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    campaign.edit(campaign.file, 'model = "model"', 'model = "loop"')
    assert load_campaign(campaign.file).benchmarks[0].model == str(tmp_path / "loop")
