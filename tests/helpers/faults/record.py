"""A fault, what must come of it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from faults.site import Ended, Site


class Engine(StrEnum):
    """What the campaign runs on."""

    ECHO = "echo"
    VLLM = "vLLM"
    ECHO_NODES = "echo on two machines"
    VLLM_NODES = "vLLM on two machines"
    NONE = "-"

    @property
    def is_vllm(self) -> bool:
        return self in (Engine.VLLM, Engine.VLLM_NODES)

    @property
    def has_nodes(self) -> bool:
        return self in (Engine.ECHO_NODES, Engine.VLLM_NODES)


class Base(StrEnum):
    """What a campaign has when the fault comes."""

    NEW = "nothing"
    RUN = "its runs"
    SCORED = "its runs and scores"
    ASSEMBLED = "its runs, scores and tree"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table."""

    id: str
    what: str
    stage: str
    inject: Callable[[Site], Ended]
    """Starts a command at the site, makes the fault, waits for the end, and puts right what a person would."""
    message: str = ""
    """A part of the line that the user sees; empty if there is none, because nothing could write it."""
    reason: str | None = None
    """A part of the journal's entry, where it is not `message`."""
    codes: tuple[int, ...] = (4,)
    engine: Engine = Engine.ECHO
    base: Base = Base.NEW
    room_bytes: int | None = None
    """The size of the output's file system; None for the machine's own."""
    within_s: float = 30.0
    """How long after the fault the command may take to end."""
    loses_runs: bool = False
    """Whether it is the fault itself that removes finished runs."""
    cleans_up: bool = True
    """Whether the command itself can remove what is temporary; else the next one does."""
    keeps_a_reason: bool = True
    """Whether the command can write into the campaign's journal why it ended, and into its log, which it then names."""
    is_harmless: bool = False
    """Whether nothing is wrong: the campaign goes on to its end, and the tree is the right one."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One injection, and everything that came of it that is not as required."""

    fault: Fault
    code: int | None
    line: str
    """What the user sees, without the program's name."""
    kept: tuple[str, ...]
    """What is left for diagnosis, below the output folder."""
    seconds_after: float
    problems: tuple[str, ...]
    output: str = field(repr=False)

    @property
    def went_on(self) -> bool:
        """Whether the campaign went on to the right tree."""
        return not any(problem.startswith(GOES_ON) for problem in self.problems)


GOES_ON = "going on: "
