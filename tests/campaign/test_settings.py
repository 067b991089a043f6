"""The settings that are computed without LoadGen are those that LoadGen itself has."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mlperf_loadgen")

from submitter.campaign import settings
from submitter.compliance import audit_text
from submitter.errors import InputError, NotInstalledError
from submitter.harness import loadgen
from submitter.model import Scenario
from submitter.rulebook import load_rulebook

BOOK = load_rulebook("v6.1")
CONFS = {
    "nothing": "# a comment\n\n",
    "plain": "*.Server.target_qps = 5.5\n*.Offline.target_qps = 210\n",
    "precedence": (
        "*.*.min_duration = 1000\n{model}.*.min_duration = 2000\n*.Server.min_duration = 3000\n"
        "{model}.Offline.min_duration = 4000 5000\nother.*.min_duration = 1\n*.Server.min_query_count = 7\n"
    ),
    "limits": "*.Server.ttft_latency = 300\n*.*.sample_concatenate_permutation = 0\n",
    "odd": (
        "*.*.min_duration = 6e5\r\n*.Offline.min_query_count = 0x40\n*.Server.min_query_count = 010\n"
        "*.Server.target_qps=7\n*.Offline.target_qps\n*.*.sample_concatenate_permutation = 2\n#*.*.target_qps = 3\n"
    ),
    "early ends": "*.*.max_duration = 60000\n*.Server.max_query_count = 1000\n",
    "short": "*.*.performance_sample_count_override = 64\n*.Offline.min_query_count = 64\n",
}


@pytest.mark.parametrize("conf", CONFS)
@pytest.mark.parametrize("benchmark", ["llama2-70b-99.9", "llama3.1-8b"])
@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE])
@pytest.mark.parametrize("audited", [False, True])
def test_they_are_loadgens(conf: str, benchmark: str, scenario: Scenario, audited: bool, tmp_path: Path) -> None:
    model = BOOK.benchmark(benchmark).loadgen_model_for(scenario)
    user_conf = tmp_path / "user.conf"
    user_conf.write_text(CONFS[conf].format(model=model))
    audit = audit_text(BOOK.compliance["TEST06"].audit) if audited else None
    asked, by_loadgen = settings.effective_settings(BOOK, benchmark, scenario, user_conf, audit)
    assert by_loadgen
    assert settings.computed_settings(BOOK, benchmark, scenario, user_conf, audit) == asked


def test_without_loadgen_they_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise NotInstalledError("LoadGen cannot be imported")

    monkeypatch.setattr(loadgen, "_module", missing)
    user_conf = tmp_path / "user.conf"
    user_conf.write_text(CONFS["plain"])
    found, by_loadgen = settings.effective_settings(BOOK, "llama2-70b-99.9", Scenario.SERVER, user_conf)
    assert not by_loadgen
    assert found.target_qps == 5.5


@pytest.mark.parametrize(
    "text",
    [
        "*.Server.target_qps 5",
        "*.Server.target_qps = many",
        "*.Server.target_qps = 5 # why",
    ],
)
def test_what_loadgen_refuses_we_refuse_in_the_same_words(text: str, tmp_path: Path) -> None:
    user_conf = tmp_path / "user.conf"
    user_conf.write_text(f"# ours\n{text}\n")
    for read in (settings.effective_settings, settings.computed_settings):
        with pytest.raises(InputError) as caught:
            read(BOOK, "llama2-70b-99.9", Scenario.SERVER, user_conf)
        assert caught.value.message.startswith(f"{user_conf}:2: LoadGen refuses '{text}': ")
        assert "22" not in caught.value.message.removeprefix(str(user_conf))
