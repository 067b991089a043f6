"""PWR: what the client and the server of the power workflow recorded, in client.json and server.json."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.power import PowerSession
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import Malformed

_CHECKER = "official: tools/submission/power/power_checker.py "
_AGAIN = "measure power again: the logs of a session cannot be mended"
_READ = ("STR002", "PWR010")

_Check = Callable[[PowerRun, Rulebook], Iterator[Problem]]


def _in_server(check: _Check) -> _Check:
    """What the rule finds, it finds in server.json; and so it does a value there that is not what it should be."""

    @wraps(check)
    def checked(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
        path = str(power.server.path)
        try:
            for problem in check(power, book):
                yield Problem(problem.message, found=problem.found, required=problem.required, path=path)
        except Malformed as error:
            yield Problem(str(error), path=path)

    return checked


_REQUIRED = ("version", "timezone", "modules", "sources", "messages", "uuid", "session_name", "results", "phases")


@rule(
    "PWR010",
    step="performance",
    requires=["STR002"],
    source=_CHECKER + "SessionDescriptor.required_fields_check",
    hint=_AGAIN,
)
def sessions_complete(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """client.json and server.json have all their fields."""
    for session in (power.client, power.server):
        for field in _REQUIRED:
            if field not in session.content:
                yield Problem("a required field is missing", required=field, path=str(session.path))


@rule(
    "PWR011",
    step="performance",
    requires=_READ,
    source=_CHECKER + "sources_check; sources_checksums.json",
    hint="measure with the release of mlcommons/power-dev that is the round's, unchanged",
)
def workflow_sources(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The power workflow ran the round's code, unchanged."""
    for session in (power.client, power.server):
        sources = session.content["sources"]
        if sources == book.power.sources:
            continue
        if not isinstance(sources, dict):
            sources = {}
        differing = sorted(
            name for name in {*sources, *book.power.sources} if sources.get(name) != book.power.sources.get(name)
        )
        yield Problem(
            "the power workflow's code is not the round's",
            found=f"other checksums of {', '.join(differing)}",
            required="the checksums of the rule book",
            path=str(session.path),
        )


_VERSION = re.compile(r"(?<=version=)(.+?)-")


@rule(
    "PWR012",
    step="performance",
    requires=_READ,
    source=_CHECKER + "ptd_messages_check",
    hint="measure with a supported PTDaemon",
)
@_in_server
def ptdaemon_supported(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon and the analyzer are of the kinds that the round supports."""
    server = power.server
    commands = server.commands
    answer = server.reply(commands.index("Identify")) if "Identify" in commands else ""
    if not answer:
        yield Problem("PTDaemon did not answer to Identify")
        return
    analyzer = answer.split(",")[0]
    match = _VERSION.search(answer)
    version = match[1] if match else ""
    if version not in book.power.ptdaemon_versions:
        required = " or ".join(book.power.ptdaemon_versions)
        yield Problem("the version of PTDaemon is not supported", found=version or "none", required=required)
    if analyzer not in book.power.analyzers:
        yield Problem(
            "the power analyzer is not supported", found=analyzer, required="one of " + ", ".join(book.power.analyzers)
        )


# What PTDaemon answers to the commands that begin so.
_REPLIES = {
    "SR,A": "Range A changed",
    "SR,V": "Range V changed",
    "Go,1000,": "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples",
    "Stop": "Stopping untimed measurement",
}
_NOTHING_TO_STOP = "Error: no measurement to stop"
_STOPS = 2


@rule("PWR013", step="performance", requires=_READ, source=_CHECKER + "ptd_messages_check check_reply", hint=_AGAIN)
@_in_server
def ptdaemon_replies(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon answered each command as it should.

    A session stops a measurement twice; a third time there is none left to stop.
    """
    stops = 0
    for index, command in enumerate(power.server.commands):
        for beginning, reply in _REPLIES.items():
            if not command.startswith(beginning):
                continue
            stops += command == "Stop"
            required = _NOTHING_TO_STOP if beginning == "Stop" and stops > _STOPS else reply
            if (found := power.server.reply(index)) != required:
                yield Problem(f"PTDaemon answered otherwise to '{command}'", found=found, required=required)


@rule(
    "PWR014", step="performance", requires=_READ, source=_CHECKER + "ptd_messages_check get_initial_range", hint=_AGAIN
)
@_in_server
def ranges_restored(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """After the measurement the analyzer has the ranges that it had before."""
    columns = power.server.reply(2).split(",")
    for letter, what, column, which in (
        ("A", "current", 1, book.power.amps_restored_by),
        ("V", "voltage", 3, (3,)),
    ):
        initial = _initial_range(columns, column)
        commands = [command for command in power.server.commands if command.startswith(f"SR,{letter}")]
        if len(commands) < max(which):
            yield Problem(
                f"the range of {what} was set too seldom",
                found=f"{len(commands)} times",
                required=f"{max(which)} times",
            )
            continue
        found = [commands[number - 1] for number in which]
        if f"SR,{letter},{initial}" not in found:
            yield Problem(
                f"the range of {what} was not restored", found=" or ".join(found), required=f"SR,{letter},{initial}"
            )


def _initial_range(columns: list[str], index: int) -> str:
    """The range that PTDaemon reported first: its value, or `Auto`."""
    try:
        if columns[index] == "0" and float(columns[index + 1]) > 0:
            return columns[index + 1]
    except (IndexError, ValueError):
        raise Malformed(f"PTDaemon's third reply names no ranges: '{','.join(columns)[:60]}'") from None
    return "Auto"


@rule(
    "PWR015",
    step="performance",
    requires=_READ,
    source=_CHECKER + "uuid_check",
    hint="put the logs of one session together",
)
@_in_server
def same_uuids(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """Both files name the same client and the same server."""
    for side in ("client", "server"):
        found, required = (session.text("uuid", side) for session in (power.server, power.client))
        if _uuid(found) != _uuid(required):
            yield Problem(f"the {side}'s uuid is another", found=found, required=f"{required}, as in {power.CLIENT}")


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Malformed(f"'{text[:60]}' is no uuid") from None


@rule(
    "PWR016",
    step="performance",
    requires=_READ,
    source=_CHECKER + "session_name_check",
    hint="put the logs of one session together",
)
@_in_server
def same_session_name(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """Both files are of the same session."""
    found, required = (session.content["session_name"] for session in (power.server, power.client))
    if found != required:
        yield Problem("the session is another", found=shown(found), required=f"{shown(required)}, as in {power.CLIENT}")


_CLIENT_VERSION = re.compile(r"mlcommons\/power client v(\d+)$")
_SERVER_VERSION = re.compile(r"mlcommons\/power server v(\d+)$")


@rule(
    "PWR017",
    step="performance",
    requires=_READ,
    source=_CHECKER + "messages_check",
    hint="put the logs of one session together",
)
@_in_server
def same_messages(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """Both files tell of the same messages, between a client and a server of one version.

    Only the reply to `time` may differ.
    """
    client, server = power.client, power.server
    count = client.count("messages")
    if server.count("messages") != count:
        found, required = f"{server.count('messages')} messages", f"{count}, as in {power.CLIENT}"
        yield Problem("the server has another number of messages", found=found, required=required)
        return
    for index in range(count):
        command = client.get("messages", index, "cmd")
        keys = ["cmd"] if command == "time" else ["cmd", "reply"]
        for key in keys:
            found, required = (session.get("messages", index, key) for session in (server, client))
            if found != required:
                what = "command" if key == "cmd" else "reply to a command"
                required = f"{shown(required)}, as in {power.CLIENT}"
                yield Problem(f"the {what} is another, message {index + 1}", found=shown(found), required=required)
    asked, answered = server.text("messages", 0, "cmd"), server.text("messages", 0, "reply")
    versions = (_CLIENT_VERSION.search(asked), _SERVER_VERSION.search(answered))
    if versions[0] is None or versions[1] is None:
        yield Problem("the first message does not name the versions", found=f"{asked}; {answered}")
    elif versions[0][1] != versions[1][1]:
        yield Problem(
            "the client and the server are of different versions", found=answered, required=f"v{versions[0][1]}"
        )


_RUN_FILES = (layout.DETAIL_LOG, layout.SUMMARY_LOG, PowerRun.SPL)


@rule(
    "PWR018",
    step="performance",
    requires=_READ,
    source=_CHECKER + "results_check",
    hint="put back the file that the session wrote: whoever changes one must measure again",
)
def checksums(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The files of the measurement have the checksums that the session recorded."""
    recorded = []
    for session in (power.client, power.server):
        try:
            recorded.append(session.table("results"))
        except Malformed as error:
            yield Problem(str(error), path=str(session.path))
    if len(recorded) < 2:
        return
    of_client, of_server = recorded
    names = [f"power/{name}" for name in ("client.log", power.PTD_LOG, "server.log")]
    names += [f"{run.path.name}/{name}" for run in (power.ranging, power.testing) for name in _RUN_FILES]
    for name in names:
        path = power.folder / PurePosixPath(name)
        if name not in of_client and name not in of_server:
            yield Problem("no checksum of the file was recorded", required=name, path=str(power.server.path))
            continue
        required = of_server.get(name, of_client.get(name))
        if name in of_client and of_client[name] != required:
            found = f"{shown(of_client[name])}; {shown(required)}"
            yield Problem(
                f"two checksums of {name} were recorded", found=found, required="one", path=str(power.server.path)
            )
        if (found := power.sha1(path)) != required:
            yield Problem(
                "the file is not the one that was recorded", found=found, required=shown(required), path=str(path)
            )


@rule(
    "PWR019",
    step="performance",
    requires=_READ,
    source=_CHECKER + "check_ptd_config",
    hint="measure with a supported analyzer",
)
@_in_server
def analyzers_supported(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon was started for an analyzer that the round supports, with both channels of one that has two."""
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
            yield Problem("the analyzer was given one channel", required="two channels")


def _has_two_channels(server: PowerSession, place: tuple[str | int, ...]) -> bool:
    words = [server.get(*place, "command", i) for i in range(server.count(*place, "command"))]
    asked = ""
    if "-c" in words:
        asked = server.text(*place, "command", words.index("-c") + 1)
    if len(asked.split(",")) != 2 or not server.get(*place, "channel"):
        return False
    return server.count(*place, "channel") == 2


@rule(
    "PWR020",
    step="performance",
    requires=_READ,
    source=_CHECKER + "debug_check",
    hint="measure again without debug mode",
)
@_in_server
def no_debug(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The server did not run in debug mode."""
    debug = power.server.content.get("debug", False)
    if debug is not False:
        yield Problem("the server ran in debug mode", found=f"debug: {shown(debug)}", required="false")


@rule("PWR021", step="performance", requires=_READ, source=_CHECKER + "check_ptd_logs", hint=_AGAIN)
@_in_server
def timezone_known(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """server.json names its time zone, in seconds."""
    timezone = power.server.content["timezone"]
    try:
        int(timezone)
    except (TypeError, ValueError, OverflowError):
        yield Problem("the time zone is no number", found=shown(timezone), required="seconds")
