"""How programs are started on nodes, and which names of nodes are understood."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from submitter.cluster.launcher import SRUN, SSH, Launcher, default_template, expanded
from submitter.errors import InputError


def test_a_template_gets_the_program_word_by_word() -> None:
    command = Launcher("env -u A {node}").command("n1", ["python", "-c", "print('a b')"])
    assert command == ["env", "-u", "A", "n1", "python", "-c", "print('a b')"]


def test_ssh_gets_it_as_one_line_for_its_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text('#!/bin/sh\nshift 4\nexec sh -c "$*"\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    command = Launcher(SSH).command("n1", ["printf", "%s|", "a b", "$HOME", "'"])
    assert command[:-1] == ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "n1"]
    # The stand-in does what sshd does: it gives the words after the host to a shell.
    done = subprocess.run([command[0], *command[2:]], capture_output=True, text=True, check=True)
    assert done.stdout == "a b|$HOME|'|"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("ssh node1", "does not name the node"),
        ("", "does not name the node"),
        ("'ssh {node}", "no closing quotation"),
        ("no-such-launcher {node}", "is not installed here"),
    ],
)
def test_a_template_that_cannot_work(template: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Launcher(template)


def test_srun_within_a_job_of_slurm() -> None:
    assert default_template({"SLURM_JOB_ID": "7"}) == SRUN
    assert default_template({}) == SSH


def test_names_with_commas() -> None:
    assert expanded("node1, user@node2,10.0.0.3,") == ["node1", "user@node2", "10.0.0.3"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (" , ", "names no node"),
        ("a,-oProxyCommand=x", "is not the name of a node"),
        ("a b", "is not the name of a node"),
        ("a,b,a", "names a more than once"),
    ],
)
def test_names_that_are_none(nodes: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        expanded(nodes)


def test_a_host_list_without_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="scontrol, which expands it, is not installed here"):
        expanded("node[1-2]")


def test_a_host_list_of_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With Slurm's own scontrol, which needs no running Slurm for it but a configuration."""
    if not shutil.which("scontrol"):
        pytest.skip("scontrol (package slurm-client) is not installed")
    configuration = tmp_path / "slurm.conf"
    configuration.write_text("ClusterName=c\nSlurmctldHost=localhost\nNodeName=n[1-20]\nPartitionName=p Nodes=ALL\n")
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    assert expanded("node[01-03,7],other") == ["node01", "node02", "node03", "node7", "other"]
    with pytest.raises(InputError, match="is not the name of a node"):
        expanded("node[1-")
