"""A mistake that a person makes on the way to a submission, and where and how it must be reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ready_campaign import Ready


class Base(StrEnum):
    """The campaign that a mistake is made in a copy of."""

    READY = "a closed campaign of full length, ready to run"
    REHEARSAL = "a closed rehearsal of a few seconds, ready to run"
    FINISHED = "the same rehearsal with its runs, scores and tree"


class Stage(StrEnum):
    """Where a mistake is caught. The value is how the page names it."""

    COMMAND_LINE = "the command line"
    INIT = "init"
    DATASET = "dataset"
    QUANTIZE = "quantize"
    TUNE = "tune"
    PLAN = "plan"
    PREFLIGHT = "preflight"
    RUN = "run"
    SCORE = "score"
    ASSEMBLE = "assemble"
    CHECK = "check"


# The command of a stage, if a mistake names no other; `{...}` are attributes of the campaign.
COMMANDS: dict[Stage, tuple[str, ...]] = {
    Stage.PLAN: ("plan", "{file}"),
    Stage.PREFLIGHT: ("run-all", "{file}"),
    Stage.RUN: ("run-all", "{file}"),
    Stage.SCORE: ("score", "{file}"),
    Stage.ASSEMBLE: ("assemble", "{file}"),
    Stage.CHECK: ("check", "{tree}", "--round", "v6.1"),
}
BEFORE_ANY_RUN = frozenset(Stage) - {Stage.RUN, Stage.SCORE, Stage.ASSEMBLE, Stage.CHECK}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One row of the table."""

    id: str
    what: str
    """What the person did wrong, in one line."""
    make: Callable[[Ready], object]
    """Makes the mistake in a copy of the base."""
    message: str
    """A part of the line that reports it."""
    remedy: str = ""
    """A part of the output that says what to do."""
    also: tuple[str, ...] = ()
    """Other parts of the output."""
    code: int = 2
    is_due: bool = False
    """Whether `plan` lists it as due before the assembly: it stops no run, so the exit code is 0."""
    stage: Stage = Stage.PLAN
    base: Base = Base.READY
    command: tuple[str, ...] = ()
    """Its own command instead of the stage's."""
    missing: tuple[str, ...] = ()
    """Distributions that are not installed; the command then runs in a process of its own."""
    broken: tuple[str, ...] = ()
    """Modules that cannot be imported although they are installed; likewise."""
    installed: Mapping[str, str] = field(default_factory=dict)
    """Distributions that seem to be installed in these versions; likewise."""
    is_unprivileged: bool = False
    """Whether the command runs as a user who may not write everywhere; likewise."""
    in_folder: bool = False
    """Whether the command runs in the campaign's folder."""
    varies: bool = False
    """Whether the line differs from machine to machine or from run to run; the page then shows `message` only."""
    is_slow: bool = False

    @property
    def required_code(self) -> int:
        return 0 if self.is_due else self.code

    @property
    def caught_by(self) -> str:
        """The stage as the page names it."""
        return f"{self.stage}, as due before the assembly" if self.is_due else str(self.stage)

    @property
    def words(self) -> tuple[str, ...]:
        return self.command or COMMANDS[self.stage]

    @property
    def needs_own_process(self) -> bool:
        return bool(self.missing or self.broken or self.installed or self.is_unprivileged)

    @property
    def needs_vllm(self) -> bool:
        """Whether it is found only where vLLM is installed."""
        return self.base is Base.READY and self.stage in (Stage.PLAN, Stage.PREFLIGHT) and "vllm" not in self.missing
