"""What a node and its driver say to each other: a line of JSON each, of bounded length, validated when it arrives."""

from __future__ import annotations

import socket
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from submitter.harness import engines
from submitter.harness.plan import EngineSettings
from submitter.model import Scenario
from submitter.strict_record import StrictRecord
from submitter.version import VERSION

PROTOCOL = 1
LINE_BYTES = 1 << 18
"""The longest line. An engine.toml has a few kilobytes."""
_MAX_RANK = 1 << 16
_TEXT = 4096
# A host that vanishes does not close its connections: after 2 s of silence the kernel asks each second, and a
# connection without an answer for 6 s ends. A process that is slow, as one that loads a model, does not disturb this.
_IDLE_S, _INTERVAL_S, _PROBES, _SILENCE_MS = 2, 1, 4, 6000

Text = Annotated[str, Field(max_length=_TEXT)]


class SessionFacts(StrictRecord):
    """An engine of a campaign, and what it serves; the driver has one, a node all of its campaign's."""

    benchmark: Text
    scenarios: tuple[Scenario, ...]
    engine: EngineSettings
    model_sha256: Text


class Hello(StrictRecord):
    """A node's first line. `ranks` is how many it can serve, `number` its place among the nodes, if it knows that."""

    protocol: int
    versions: dict[Text, Text]
    accelerators: Text
    ranks: int = Field(ge=1, le=_MAX_RANK)
    number: int | None = None
    sessions: tuple[SessionFacts, ...]


class Start(StrictRecord):
    """The driver's answer: serve `count` ranks from `first_rank` on, with the engine of `session` of the hello."""

    kind: Literal["start"] = "start"
    session: int = Field(ge=0)
    first_rank: int = Field(ge=0, le=_MAX_RANK)
    count: int = Field(ge=1, le=_MAX_RANK)


class Refusal(StrictRecord):
    """The driver's other answer: what is different here, one line each."""

    kind: Literal["refusal"] = "refusal"
    problems: tuple[Text, ...]


class Loaded(StrictRecord):
    """The driver says that the whole engine is loaded."""

    kind: Literal["loaded"] = "loaded"


class Failed(StrictRecord):
    """The node says that its ranks have ended, and what their log says; its process says the same to the node."""

    message: Text
    hint: Text = ""


class _Protocol(BaseModel):
    """The only part of a hello that every version of this protocol has."""

    model_config = ConfigDict(extra="ignore")
    protocol: int


FromDriver = Annotated[Start | Refusal | Loaded, Field(discriminator="kind")]
_FROM_DRIVER: TypeAdapter[Start | Refusal | Loaded] = TypeAdapter(FromDriver)


class MessageError(Exception):
    """What arrived is not a message of this protocol."""


def node_versions(engine: str) -> dict[str, str]:
    """The packages that must be the same on all machines, with their versions."""
    return {"submitter": VERSION, **engines.versions(engine)}


def line_of(message: StrictRecord) -> bytes:
    return message.model_dump_json().encode() + b"\n"


def read_hello(line: bytes) -> Hello | int:
    """A node's hello, or the version of its protocol if that is another one. MessageError if it is neither."""
    try:
        protocol = _Protocol.model_validate_json(line).protocol
        return Hello.model_validate_json(line) if protocol == PROTOCOL else protocol
    except ValidationError as error:
        raise MessageError(_first(error)) from None


def read_failed(line: bytes) -> Failed:
    try:
        return Failed.model_validate_json(line)
    except ValidationError as error:
        raise MessageError(_first(error)) from None


def read_from_driver(line: bytes) -> Start | Refusal | Loaded:
    try:
        return _FROM_DRIVER.validate_json(line)
    except ValidationError as error:
        raise MessageError(_first(error)) from None


def _first(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"])


def why_lost(error: Exception) -> str:
    """Why a connection was lost, in the system's words, such as `connection timed out`; or why it was given up."""
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or "no answer in time").lower()


def keep_alive(connection: socket.socket) -> None:
    """Let the kernel find out within seconds that the other host has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _INTERVAL_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)
