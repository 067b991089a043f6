"""SIGKILL of the command, of a child of it, or of both, at random moments of a whole campaign."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from functools import partial

import psutil

from faults.attempt import STAGES, Stage
from faults.record import Engine, Fault
from faults.site import Ended, Site

VICTIMS = ("the command", "its child", "both")
_KILLED = -signal.SIGKILL


def kills(engine: Engine, count: int, rng: random.Random, stage_s: dict[str, float]) -> list[Fault]:
    """`count` faults: every stage has its turn, each victim too, at a random moment of the stage."""
    stages = STAGES[engine]
    # Most time goes into the runs, but the short stages are where files are written and renamed.
    turns = [stage for stage in stages for _ in range(2 if stage.name.startswith("run") else 1)]
    faults = []
    for number in range(count):
        stage = turns[number % len(turns)]
        victim = VICTIMS[number // len(turns) % len(VICTIMS)]
        after_s = rng.uniform(0, stage_s[stage.name])
        codes = {VICTIMS[0]: (_KILLED, 0), VICTIMS[1]: (4, 0, _KILLED), VICTIMS[2]: (_KILLED, 0)}[victim]
        faults.append(
            Fault(
                id=f"kill-{engine.name.lower()}-{number}",
                what=f"SIGKILL of {victim}",
                stage=stage.name,
                engine=engine,
                inject=partial(_kill, stage=stage, victim=victim, after_s=after_s),
                codes=codes,
                cleans_up=False,
                keeps_a_reason=False,
            )
        )
    return faults


def _kill(site: Site, *, stage: Stage, victim: str, after_s: float) -> Ended:
    """A victim that is not there at that moment leaves the command as the one that is killed."""
    running = site.start("run-all", site.file)
    if stage.begins:
        running.wait_for(stage.begins)
    time.sleep(after_s)
    command = running.process
    # Python's tracker of semaphores is no part of the work, and removes those of all the others when they end.
    children = [child for child in running.children() if "resource_tracker" not in _command_line(child)]
    running.at_fault()
    if victim == VICTIMS[0] or victim == VICTIMS[2] or not children:
        command.kill()
    if victim != VICTIMS[0]:
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    return running.end(30)


def _command_line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""
