"""A campaign that `init` writes: what its files say, and that nothing that exists is touched."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from submitter.campaign import init as module
from submitter.campaign.choices import Choices, Given, Host, decide
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.init import Initialised, init, look_at_host
from submitter.documents import unfilled
from submitter.errors import InputError
from submitter.system import read
from submitter.system.accelerator import Accelerator, Accelerators

MI300X = Accelerator(name="AMD Instinct MI300X", uuid=None, memory_bytes=192 * 2**30, numa_node=0)


def host(count: int = 8) -> Host:
    found = Accelerators(devices=(MI300X,) * count, driver="AMD")
    facts = look_at_host().description if not count else {"accelerators_per_node": str(count), "framework": "vLLM 0"}
    return Host(accelerators=found, numa_nodes={0: "0", 1: "1"}, server_name="Acme Rack 9", description=facts)


def write(folder: Path, where: Host | None = None, **given: object) -> tuple[Initialised, Choices]:
    where = where or host()
    choices = decide(where, Given(**given))  # type: ignore[arg-type]
    return init(folder, where, choices), choices


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("where", "given"),
    [
        (host(), {}),
        (host(), {"division": "open", "benchmark": ("llama3.1-8b",), "scenario": ("Server",)}),
        (host(), {"benchmark": ("llama2-70b-99.9", "llama3.1-8b"), "round": "v5.1"}),
        (host(), {"model": "my model", "dataset": "/data/a.safetensors", "submitter": "Acme"}),
        (host(0), {}),
        (host(0), {"system_id": "8xB200-SXM-180GB"}),
    ],
)
def test_the_file_says_what_was_meant(
    where: Host, given: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign as it is read back is the one that the documents were made for."""
    meant: list[Campaign] = []
    real = module.missing_documents
    monkeypatch.setattr(module, "missing_documents", lambda campaign: meant.append(campaign) or real(campaign))
    done, _ = write(tmp_path / "new", where, **given)
    assert load_campaign(done.campaign) == meant[0]
    assert set(done.written) == {path for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert done.campaign == done.written[-1], "the campaign file comes last: it says that the others are there"
    assert done.kept == ()


def test_every_key_has_its_meaning_beside_it(tmp_path: Path) -> None:
    done, _ = write(tmp_path)
    lines = done.campaign.read_text().splitlines()
    keys = [line for line in lines if " = " in line and not line.startswith("#")]
    assert len(keys) >= 14
    assert [line for line in keys if "  # " not in line and not line.startswith("scenarios")] == []


def test_files_of_a_closed_campaign(tmp_path: Path) -> None:
    done, _ = write(tmp_path)
    scenarios = ("Offline", "Server", "Interactive")
    files = ("engine.toml", "user.conf", "measurements.json", "README.md")
    assert set(tree(tmp_path)) == {
        "campaign.toml",
        "systems/9_8xMI300X.json",
        "measurements/README.md",
        "documentation/calibration.md",
        "documentation/bandwidth.md",
        *(f"measurements/llama2-70b-99.9/{scenario}/{name}" for scenario in scenarios for name in files),
    }
    assert done.notes == ("settings: the ready set 8xMI300X (this machine's), for 8x AMD Instinct MI300X",)


def test_the_system_has_the_hosts_facts_but_its_software(tmp_path: Path) -> None:
    """Versions are read when the runs are made: those of today would hide an update."""
    done, choices = write(tmp_path, cooling="liquid", status="preview")
    fields = read(tmp_path / "systems" / f"{choices.system_id}.json")
    assert fields["system_name"] == "Acme Rack 9 (8x AMD Instinct MI300X)"
    assert (fields["cooling"], fields["status"], fields["accelerators_per_node"]) == ("liquid", "preview", "8")
    assert not fields.keys() & {"framework", "operating_system", "other_software_stack", "division", "submitter"}
    assert "system_type_detail" in [name for name, value in fields.items() if list(unfilled(str(value)))]
    assert any("1 part" not in item.what and "TODO(person)" in item.what for item in done.open_items)


def test_another_machines_system_has_nothing_of_this_host(tmp_path: Path) -> None:
    write(tmp_path, host(0), system_id="8xH100-SXM-80GB")
    fields = read(tmp_path / "systems/8xH100-SXM-80GB.json")
    assert fields["accelerator_model_name"] == "NVIDIA H100-SXM-80GB"
    assert not [name for name in fields if name.startswith("host_")]


@pytest.mark.parametrize(
    ("system_id", "model"),
    [("8xH100-SXM-80GB_TRT-LLM", "Llama-2-70b-chat-hf-fp8"), ("8xA100-SXM-80GB_TRT-LLM", "Llama-2-70b-chat-hf")],
)
def test_a_set_with_servers_says_how_they_are_started(system_id: str, model: str, tmp_path: Path) -> None:
    done, _ = write(tmp_path, host(0), system_id=system_id)
    readme = tmp_path / "measurements/llama2-70b-99.9/Offline/README.md"
    assert "trtllm-serve " in readme.read_text()
    assert (readme.with_name("trtllm-serve.yaml")).is_file()
    (table,) = load_campaign(done.campaign).benchmarks
    assert table.model == str(tmp_path / "models" / model)
    (of_the_model,) = [item for item in done.open_items if item.what.startswith("the model")]
    assert f"{readme} has the commands" in of_the_model.what
    assert of_the_model.command == ""
    assert "submitter quantize" not in done.campaign.read_text()


def test_another_set_for_the_machine_is_named(tmp_path: Path) -> None:
    done, _ = write(tmp_path, host(0), system_id="8xH100-SXM-80GB")
    assert "there are settings for TRT-LLM servers, too: --system-id 8xH100-SXM-80GB_TRT-LLM" in done.notes


def test_what_is_open_comes_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done, _ = write(Path("new"))
    commands = [item.command for item in done.open_items if item.command.startswith("submitter")]
    assert commands == [
        "submitter dataset convert open_orca_gpt4_tokenized_llama.sampled_24576.pkl new/data/llama2-70b.safetensors",
        "submitter quantize Llama-2-70b-chat-hf new/models/Llama-2-70b-chat-hf-fp8",
    ]
    assert done.open_items[0].what.startswith("the name of your organisation")
    assert done.next_command == "submitter plan new/campaign.toml"
    # What is there is not asked for.
    Path("new/data").mkdir()
    Path("new/data/llama2-70b.safetensors").touch()
    Path("new/models/Llama-2-70b-chat-hf-fp8").mkdir(parents=True)
    done.campaign.unlink()
    again, _ = write(Path("new"), submitter="Acme")
    assert again.open_items
    assert [item for item in again.open_items if item.command.startswith("submitter")] == []


def test_a_path_is_relative_to_the_working_folder_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done, _ = write(Path("a/b"), model="models/x", dataset="/far/away.safetensors")
    table = tomllib.loads(done.campaign.read_text())["benchmarks"][0]
    assert load_campaign(done.campaign).benchmarks[0].model == str(tmp_path / "models/x")
    assert table["dataset"] == "/far/away.safetensors"


def test_existing_files_are_kept_and_named(tmp_path: Path) -> None:
    write(tmp_path)
    before = tree(tmp_path)
    again, _ = write(tmp_path, submitter="Other")
    assert tree(tmp_path) == before
    assert again.written == ()
    assert tmp_path / "campaign.toml" in again.kept
    assert again.open_items == (), "the file that was kept may be about something else"
    engine = tmp_path / "measurements/llama2-70b-99.9/Server/engine.toml"
    engine.write_text("# mine\n" + engine.read_text())
    (tmp_path / "documentation/bandwidth.md").unlink()
    third, _ = write(tmp_path)
    assert third.written == (tmp_path / "documentation/bandwidth.md",)
    assert engine.read_text().startswith("# mine\n")


def test_a_failure_midway_leaves_nothing(tmp_path: Path) -> None:
    """A file is where a folder must be: found after the settings were written, which are removed again."""
    (tmp_path / "documentation").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"documentation/.* cannot be written"):
        write(tmp_path)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["documentation"]


def test_the_embedded_campaign_has_nothing_left_to_a_person(tmp_path: Path) -> None:
    done, _ = write(tmp_path, host(0), submitter="Acme")
    assert done.open_items == ()
    assert "examples/" not in "".join(
        path.read_text() for path in done.written if path.suffix in (".md", ".toml") and path.parent != tmp_path
    )
    fields = json.loads((tmp_path / "systems/cpu-demo.json").read_text())
    assert "submitter" not in fields


def test_a_server_without_a_name_is_for_a_person_to_name(tmp_path: Path) -> None:
    nameless = replace(host(), server_name="")
    _, choices = write(tmp_path, nameless)
    assert choices.system_id == "8xMI300X"
    assert "TODO(person)" in str(read(tmp_path / "systems/8xMI300X.json")["system_name"])
