"""PWR: the power analyzer and PTDaemon, as server.json records them: their versions, commands and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import MEASURE_POWER_AGAIN, POWER_CHECKER, SESSION_READABLE, in_server_json
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.power import PowerSession
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import Malformed

_VERSION = re.compile(r"(?<=version=)(.+?)-")


@rule(
    "PWR012",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "ptd_messages_check",
    hint="measure with a supported PTDaemon",
)
@in_server_json
def ptdaemon_supported(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The round supports the version of PTDaemon and the analyzer."""
    server = power.server
    commands = server.commands
    answer = server.reply(commands.index("Identify")) if "Identify" in commands else ""
    if not answer:
        yield Problem("PTDaemon did not reply to Identify")
        return
    analyzer = answer.split(",")[0]
    match = _VERSION.search(answer)
    version = match[1] if match else ""
    if version not in book.power.ptdaemon_versions:
        required = " or ".join(book.power.ptdaemon_versions)
        yield Problem("the version of PTDaemon is not supported", found=version or "none", required=required)
    if analyzer not in book.power.analyzers:
        required = "one of " + ", ".join(book.power.analyzers)
        yield Problem("the power analyzer is not supported", found=analyzer, required=required)


# What PTDaemon replies to commands that begin with these words.
_REPLIES = {
    "SR,A": "Range A changed",
    "SR,V": "Range V changed",
    "Go,1000,": "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples",
    "Stop": "Stopping untimed measurement",
}
_NOTHING_TO_STOP = "Error: no measurement to stop"
_STOPS = 2


@rule(
    "PWR013",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "ptd_messages_check check_reply",
    hint=MEASURE_POWER_AGAIN,
)
@in_server_json
def ptdaemon_replies_as_expected(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon gave the expected reply to each command.

    A session stops two measurements. At a third stop there is no measurement to stop.
    """
    stops = 0
    for index, command in enumerate(power.server.commands):
        for beginning, reply in _REPLIES.items():
            if not command.startswith(beginning):
                continue
            stops += command == "Stop"
            required = _NOTHING_TO_STOP if beginning == "Stop" and stops > _STOPS else reply
            if (found := power.server.reply(index)) != required:
                yield Problem(
                    f"PTDaemon's reply to '{command}' is not the expected one", found=found, required=required
                )


@rule(
    "PWR014",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "ptd_messages_check get_initial_range",
    hint=MEASURE_POWER_AGAIN,
)
@in_server_json
def ranges_restored(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """After the measurement the analyzer has the same ranges as before."""
    columns = power.server.reply(2).split(",")
    for letter, quantity, column, restored_by in (
        ("A", "current", 1, book.power.amps_restored_by),
        ("V", "voltage", 3, (3,)),
    ):
        initial = _initial_range(columns, column)
        commands = [command for command in power.server.commands if command.startswith(f"SR,{letter}")]
        count, needed = len(commands), max(restored_by)
        if count < needed:
            message = f"the {quantity} range was not set often enough"
            yield Problem(message, found=f"{count} times", required=f"{needed} times")
            continue
        found, required = [commands[number - 1] for number in restored_by], f"SR,{letter},{initial}"
        if required not in found:
            yield Problem(f"the {quantity} range was not restored", found=" or ".join(found), required=required)


def _initial_range(columns: list[str], index: int) -> str:
    """The range that PTDaemon reported first: its value, or `Auto`."""
    try:
        if columns[index] == "0" and float(columns[index + 1]) > 0:
            return columns[index + 1]
    except (IndexError, ValueError):
        raise Malformed(f"PTDaemon's third reply states no ranges: '{','.join(columns)[:60]}'") from None
    return "Auto"


@rule(
    "PWR019",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "check_ptd_config",
    hint="measure with a supported analyzer",
)
@in_server_json
def analyzers_supported(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon was started for an analyzer that the round supports; for a two-channel analyzer, with both channels."""
    server = power.server
    places: list[tuple[str | int, ...]] = [("ptd_config",)]
    if book.power.several_analyzers:
        places = [("ptd_config", index) for index in range(server.count("ptd_config"))]
    for place in places:
        device = server.get(*place, "device_type")
        if device not in book.power.analyzers.values():
            known = ", ".join(str(number) for number in sorted({*book.power.analyzers.values()}))
            yield Problem("the device number is not supported", found=shown(device), required=f"one of {known}")
        elif device == book.power.two_channels and not _has_two_channels(server, place):
            yield Problem("the two-channel analyzer was not given two channels", required="two channels")


def _has_two_channels(server: PowerSession, place: tuple[str | int, ...]) -> bool:
    words = [server.get(*place, "command", i) for i in range(server.count(*place, "command"))]
    channels = ""
    if "-c" in words:
        channels = server.text(*place, "command", words.index("-c") + 1)
    if len(channels.split(",")) != 2 or not server.get(*place, "channel"):
        return False
    return server.count(*place, "channel") == 2
