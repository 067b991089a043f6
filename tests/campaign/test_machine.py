"""A campaign for accelerators that are not here is refused before its first run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.machine import check_accelerators
from submitter.campaign.outline import outline_campaign
from submitter.errors import NotInstalledError, SubmitterError
from submitter.system import accelerators
from submitter.system.accelerator import Accelerator, Accelerators


def campaign(
    folder: Path,
    *,
    division: str = "closed",
    smoke: bool = False,
    system_id: str = "box",
    engine: str = "",
    **description: str,
) -> Campaign:
    (folder / "m/Offline").mkdir(parents=True)
    (folder / "m/Offline/engine.toml").write_text(engine or 'engine = "vllm"\n')
    (folder / "box.json").write_text(json.dumps(description))
    (folder / "campaign.toml").write_text(
        f'round = "v6.1"\ndivision = "{division}"\nsubmitter = "Example"\nsmoke = {str(smoke).lower()}\n'
        f'output = "out"\n[system]\nid = "{system_id}"\ndescription = "box.json"\n[[benchmarks]]\n'
        'name = "llama2-70b-99.9"\nscenarios = ["Offline"]\nmodel = "m"\ndataset = "d"\nmeasurements = "m"\n'
    )
    return load_campaign(folder / "campaign.toml")


def require_accelerators(made: Campaign) -> str:
    """The summary of the check; raises its problem."""
    (outcome,) = check_accelerators(outline_campaign(made))
    if isinstance(outcome, SubmitterError):
        raise outcome
    return outcome


@pytest.fixture(autouse=True)
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """How many accelerators this host has; None if a driver does not answer."""
    count: dict[str, int | None] = {"count": 0}

    def detect() -> Accelerators | None:
        if count["count"] is None:
            return None
        return Accelerators(devices=(Accelerator(name="GPU", uuid=None, memory_bytes=None),) * count["count"])

    monkeypatch.setattr(accelerators, "detect", detect)
    return count


TP2_DP4 = 'engine = "vllm"\n[settings]\ntensor_parallel_size = 2\ndata_parallel_size = 4\n'


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            {"accelerators_per_node": "8"},
            r"box\.json \(accelerators_per_node\) implies 8 accelerators, this host has none",
        ),
        ({"system_id": "8xMI300X"}, "the system id 8xMI300X implies 8 accelerators, this host has none"),
        ({"engine": TP2_DP4}, r"Offline \(engine\.toml\) implies 8 accelerators, this host has none"),
    ],
)
def test_what_implies_accelerators(made: dict[str, str], why: str, tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError, match=why):
        require_accelerators(campaign(tmp_path, **made))  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "words"), [(4, "this host has 4"), (None, "does not answer here")])
def test_too_few_are_as_bad_as_none(
    count: int | None, words: str, devices: dict[str, int | None], tmp_path: Path
) -> None:
    devices["count"] = count
    with pytest.raises(NotInstalledError, match=words):
        require_accelerators(campaign(tmp_path, accelerators_per_node="8"))


@pytest.mark.parametrize(
    "made",
    [
        {"accelerators_per_node": "0", "engine": TP2_DP4},  # replicas and shards on the CPU
        {"engine": TP2_DP4.replace("vllm", "echo")},
        {},
    ],
)
def test_what_needs_none(made: dict[str, str], tmp_path: Path) -> None:
    assert require_accelerators(campaign(tmp_path, **made)) == "none, and none needed"  # type: ignore[arg-type]


def test_enough_are_named(devices: dict[str, int | None], tmp_path: Path) -> None:
    devices["count"] = 8
    assert require_accelerators(campaign(tmp_path, system_id="8xMI300X")) == "8x GPU"


@pytest.mark.parametrize("made", [{"smoke": True}, {"division": "open"}])
def test_a_smoke_run_and_the_open_division_are_warned(made: dict[str, object], tmp_path: Path) -> None:
    assert require_accelerators(campaign(tmp_path, system_id="8xMI300X", **made)).startswith("warning: ")  # type: ignore[arg-type]


def test_the_accelerators_of_one_of_several_machines(tmp_path: Path, devices: dict[str, int | None]) -> None:
    spread = TP2_DP4 + 'data_parallel_size_local = 2\ndata_parallel_address = "10.0.0.1"\n'
    made = campaign(tmp_path, engine=spread)
    devices["count"] = 4
    assert require_accelerators(made) == "4x GPU"
    devices["count"] = 3
    with pytest.raises(NotInstalledError, match="implies 4 accelerators, this host has 3"):
        require_accelerators(made)
