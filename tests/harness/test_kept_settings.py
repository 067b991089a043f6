"""A run keeps the settings that it was made with, whatever becomes of the campaign's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from echo_sessions import USER_CONF, Watched

from submitter.errors import InputError
from submitter.harness.plan import RunPlan
from submitter.model import Mode, Scenario

RunEcho = Callable[..., Watched]
ENGINE_TOML = 'engine = "echo"\n# of the day of the run\n'


class Edits(Watched):
    """Changes the campaign's files as soon as the engine is loading: nothing of a run has begun by then."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        super().event(kind, run, facts)
        if kind == "loading":
            (self.folder / "user.conf").write_text(USER_CONF.replace("target_qps = 2000", "target_qps = 1"))
            (self.folder / "engine.toml").write_text('engine = "another"\n')
            (self.folder / "serve.yaml").unlink()


def test_what_is_edited_once_a_session_began_is_not_what_ran(run_echo: RunEcho, tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text(ENGINE_TOML)
    (tmp_path / "serve.yaml").write_text("stream_interval: 10\n")
    (tmp_path / "notes.txt").write_text("no setting\n")
    watched = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], watched=Edits(tmp_path))
    run = tmp_path / "runs/Offline/performance"
    assert [kind for kind, _ in watched.events].count("loading") >= 1
    assert watched.finished[0].log["requested_offline_expected_qps"] == 2000
    assert (run / "user.conf").read_text() == USER_CONF
    assert (run / "engine.toml").read_text() == ENGINE_TOML
    assert (run / "serve.yaml").read_text() == "stream_interval: 10\n"
    assert not (run / "notes.txt").exists()


@pytest.mark.parametrize("content", ['engine = "echo"\nin_flight = 7\n', "not TOML", 'engine = "echo"\nunknown = 1\n'])
def test_an_engine_toml_that_is_no_longer_the_planned_one_ends_the_session(
    run_echo: RunEcho, tmp_path: Path, content: str
) -> None:
    (tmp_path / "engine.toml").write_text(content)
    with pytest.raises(InputError, match=rf"^{tmp_path}/engine\.toml was changed after this command had read it$"):
        run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)])
    assert not list(tmp_path.rglob("*.partial"))
