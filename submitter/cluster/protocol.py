"""What the driver and the agent of a node say to each other: a line of JSON each, over the agent's input and output.

The agent's lines begin with `MARK`, because a login may print other things first. The driver takes every answer as
untrusted: its size is limited, and its form is checked.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from submitter.strict_record import StrictRecord

MARK = "submitter-agent "
MAX_LINE_BYTES = 1 << 20
MAX_OUTPUT_CHARACTERS = 1 << 16
MAX_ROUND_TRIPS = 1000
MAX_INTEGER = 2**63 - 1


class Request(StrictRecord):
    """What the agent shall do.

    clock: tell the time. run: a program to its end. serve: start a program, and return when it listens; end: end it.
    port: find a free one. echo: answer each byte on a TCP port until the agent ends. round_trips: measure those to one.
    """

    do: Literal["clock", "run", "serve", "end", "port", "echo", "round_trips"]
    program: tuple[str, ...] = ()
    limit_s: float = 30.0
    ready: str = ""
    """What a server writes when it listens."""
    address: str = ""
    port: int = 0
    count: int = Field(default=0, le=MAX_ROUND_TRIPS)


class Answer(StrictRecord):
    """The agent's answer; `problem` if it could not do it."""

    problem: str = ""
    time_ns: int = Field(default=0, ge=0, le=MAX_INTEGER)
    status: int = 0
    """The exit status of a program; negative if a signal ended it."""
    output: str = ""
    error_output: str = ""
    port: int = 0
    round_trips_us: tuple[FiniteFloat, ...] = ()
