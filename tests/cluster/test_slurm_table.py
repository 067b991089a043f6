"""The table [slurm]: what it accepts, and what it makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from submitter.cluster.slurm_table import ContainerTable, SlurmTable, limit_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("1:30", 90),
        ("12:00:00", 43200),
        ("2-6", 194400),
        ("2-06:30", 196200),
        ("1-00:00:01", 86401),
        ("UNLIMITED", 0),
        ("1:2:3:4", 0),
        ("", 0),
        ("-5", 0),
        ("1h", 0),
    ],
)
def test_a_time_limit_is_read_as_sbatch_reads_it(text: str, seconds: int) -> None:
    assert limit_seconds(text) == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {"time": "soon"},
        {"time": 0},
        {"time": "0:0"},
        {"partition": "gpu\n#SBATCH --wrap=x"},
        {"partition": ""},
        {"account": "a\\b"},
        {"gpus_per_node": "many"},
        {"gpus_per_node": 0},
        {"options": ["switches=1"]},
        {"options": ["--nodes=3"]},
        {"options": ["-N3"]},
        {"options": ["--comment='half"]},
        {"options": ["--signal=KILL@10"]},
        {"setup": ["module load cuda\nrm -rf x"]},
        {"setup": [" "]},
        {"nodes": 0},
        {"max_requeues": -1},
        {"container": {"mounts": ["/data:/data"]}},
        {"container": {"image": "x", "mounts": ["/a:/a,/b:/b"]}},
        {"container": {"image": "x", "mounts": ["data:/data"]}},
        {"container": {"image": "x", "env": ["A=1"]}},
        {"partitions": "gpu"},
    ],
    ids=str,
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    SlurmTable.model_validate({"time": 60})
    with pytest.raises(ValidationError):
        SlurmTable.model_validate({"time": 60, **wrong})


def test_an_option_with_a_key_of_its_own_names_the_key() -> None:
    with pytest.raises(ValidationError, match="use the key partition instead"):
        SlurmTable.model_validate({"time": 60, "options": ["-pgpu"]})


def test_the_resources_in_sbatchs_words() -> None:
    table = SlurmTable.model_validate(
        {
            "time": "2:00:00",
            "partition": "gpu",
            "account": "it's ours",
            "qos": "high",
            "reservation": "mlperf",
            "constraint": "h100&ib",
            "gpus_per_node": "h100:8",
            "options": ["--switches=1", "--comment='for v6.1'"],
        }
    )
    assert list(table.resources(2)) == [
        "--nodes=2",
        "--ntasks-per-node=1",
        "--time=2:00:00",
        "--partition=gpu",
        "--account='it'\"'\"'s ours'",
        "--qos=high",
        "--reservation=mlperf",
        "--constraint='h100&ib'",
        "--gpus-per-node=h100:8",
        "--exclusive",
        "--mem=0",
        "--switches=1",
        "'--comment=for v6.1'",
    ]
    assert table.gpu_count == 8


def test_a_shared_machine_is_not_asked_for_whole() -> None:
    table = SlurmTable.model_validate({"time": 5, "exclusive": False, "options": ["--cpus-per-task=16"]})
    assert list(table.resources(1)) == ["--nodes=1", "--ntasks-per-node=1", "--time=5", "--cpus-per-task=16"]


def test_the_container_in_the_words_of_pyxis() -> None:
    container = ContainerTable(
        image="nvcr.io#nvidia/vllm:26.10",
        mounts=("/data:/data:ro+rprivate", "/lustre"),
        workdir="/app",
        mount_home=True,
        name="vllm",
        env=("NCCL_IB_HCA", "HF_HOME"),
    )
    assert list(container.options()) == [
        "--container-image=nvcr.io#nvidia/vllm:26.10",
        "--container-mounts=/data:/data:ro+rprivate,/lustre",
        "--container-workdir=/app",
        "--container-mount-home",
        "--container-name=vllm",
        "--container-env=NCCL_IB_HCA,HF_HOME",
    ]
    assert list(ContainerTable(image="x.sqsh").options()) == ["--container-image=x.sqsh"]
    assert "--no-container-mount-home" in ContainerTable(image="x", mount_home=False).options()


@pytest.mark.parametrize(
    ("path", "is_there"),
    [("/data/a", True), ("/data", True), ("/database", False), ("/lustre/x", True), ("/b/x", False), ("/a/x", False)],
)
def test_a_path_is_in_the_container_if_it_is_mounted_under_its_own_name(path: str, is_there: bool) -> None:
    container = ContainerTable(image="x", mounts=("/data:/data/:ro", "/lustre", "/a:/b"))
    assert container.has(path) is is_there
