"""Engines, one file each, under the name that `engine.toml` uses. An engine turns prompts into tokens.

It does not know LoadGen. An engine module has `check(settings)` and `check_sampling(sampling)` for the tables
`[settings]` and `[sampling]` of `engine.toml`, `serves_a_model(settings)`, `shape(settings)`, `versions()`,
`runs_on()`, and `create(settings, plan, sampling)`, which returns an Engine. It imports its library inside them, so
that reading a campaign does not load it. One whose shape has ranks elsewhere also has `serve_ranks`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from submitter import plugins
from submitter.harness.sampling import GREEDY, Sampling
from submitter.strict_record import StrictRecord


class EnginePlan(StrictRecord):
    """What every engine needs: the model's folder, the length limits of an answer in tokens, and the EOS token."""

    model: str
    max_new_tokens: int
    min_new_tokens: int = 1
    eos_token_id: int


DRIVER_ADDRESS = "SUBMITTER_DRIVER_ADDRESS"
"""The variable with the address of the driver's machine, on all machines, where engine.toml does not say it: under a
batch system the machines differ from job to job, and engine.toml is published."""


@dataclass(frozen=True, kw_only=True)
class RanksElsewhere:
    """Ranks that other machines serve: the last `count`. A node serves `per_node` unless its command says otherwise;
    None if it has to say so. Nodes meet the driver at `address`, one of the driver's own, and `port`; the engine's own
    first port there is `engine_port`."""

    count: int
    per_node: int | None
    address: str
    port: int
    engine_port: int


class RanksPlan(StrictRecord):
    """The ranks that a node serves: `count` from `first_rank` on. `own_address` is the node's own, on the way to the
    driver."""

    settings: dict[str, Any]
    engine_plan: EnginePlan
    first_rank: int
    count: int
    own_address: str


@dataclass(frozen=True, kw_only=True)
class EngineShape:
    """What the settings of an engine require of the machine and of the model. They must have passed `check_settings`.

    It has `ranks` processes, which each serve requests on their own. Without ranks `elsewhere` all are on this machine,
    or where the engine's own scheduler puts them. The ranks of this machine use `devices` accelerators in all (on a
    CPU: processes). `tensor_parallel` devices share each attention layer. `max_tokens` is the limit for a prompt and
    its answer together; None if the model sets it.
    """

    devices: int = 0
    ranks: int = 1
    tensor_parallel: int = 1
    max_tokens: int | None = None
    elsewhere: RanksElsewhere | None = None

    @property
    def ranks_here(self) -> int:
        return self.ranks - (self.elsewhere.count if self.elsewhere else 0)


class Engine(Protocol):
    """A loaded engine. Its methods are called from one event loop only."""

    async def start(self) -> None:
        """Load the model. RunError if it cannot be loaded."""

    def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        """Yield new token ids. With `stream` the first token comes as soon as it is ready, else all may come at once.

        An answer ends with the EOS token, or when it has `max_new_tokens`. Any exception ends the run.
        """

    def process_ids(self) -> list[int]:
        """After `start`: the engine's own processes, one for each data-parallel rank, in order; may be empty."""

    def facts(self) -> dict[str, str]:
        """After `start`: what is known only now, such as a server's version, model and settings; for the record."""

    def answers(self) -> dict[str, int]:
        """How many requests each rank or server has answered since `start`, by its name; empty if there is only one."""

    async def stop(self) -> None:
        """Release everything; safe to call after a failure."""


@runtime_checkable
class NetworkEngine(Engine, Protocol):
    """An engine whose servers may be on another system than LoadGen, as in the network division."""

    async def network_name(self) -> str:
        """The name of the SUT for LoadGen's log, made of each server's own, which it is asked for over the network."""


def check_settings(name: str, settings: dict[str, Any], sampling: Sampling = GREEDY) -> None:
    """InputError for a setting or sampling key that the engine lacks; NotInstalledError if it is not installed."""
    engine = plugins.load(__name__, name, "engine")
    engine.check(settings)
    engine.check_sampling(sampling)


def serves_a_model(name: str, settings: dict[str, Any]) -> bool:
    """Whether the engine's answers come from a real model, as a submission requires."""
    found: bool = plugins.load(__name__, name, "engine").serves_a_model(settings)
    return found


def shape(name: str, settings: dict[str, Any]) -> EngineShape:
    """What the settings require of machine and model."""
    found: EngineShape = plugins.load(__name__, name, "engine").shape(settings)
    return found


def create(name: str, settings: dict[str, Any], plan: EnginePlan, sampling: Sampling = GREEDY) -> Engine:
    engine: Engine = plugins.load(__name__, name, "engine").create(settings, plan, sampling)
    return engine


def serve_ranks(name: str, plan: RanksPlan, on_started: Callable[[list[int]], None]) -> None:
    """Serve ranks for the driver on another machine, until the process is ended. RunError if a rank ends by itself.

    `on_started` gets the ranks' process ids, in order, before they have loaded.
    """
    plugins.load(__name__, name, "engine").serve_ranks(plan, on_started)


def runs_on(name: str) -> str | None:
    """The vendor of the accelerators that the installed engine uses, or `CPU`; None if it needs no device.

    Empty if there is no device that it is built for. NotInstalledError if it cannot be imported.
    """
    found: str | None = plugins.load(__name__, name, "engine").runs_on()
    return found


def versions(name: str) -> dict[str, str]:
    """The packages an engine runs on, with their versions, for the record."""
    found: dict[str, str] = plugins.load(__name__, name, "engine").versions()
    return found
