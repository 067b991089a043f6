"""PWR: what the client and the server of the power workflow recorded: their code, names, messages and checksums."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import MEASURE_POWER_AGAIN, POWER_CHECKER, SESSION_READABLE, in_server_json
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import Malformed

_ONE_SESSION = "put the logs of one session together"
_FIELDS = ("version", "timezone", "modules", "sources", "messages", "uuid", "session_name", "results", "phases")


@rule(
    "PWR010",
    step="performance",
    requires=["STR002"],
    source=POWER_CHECKER + "SessionDescriptor.required_fields_check",
    hint=MEASURE_POWER_AGAIN,
)
def session_fields_present(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """client.json and server.json have all their fields."""
    for session in (power.client, power.server):
        for field in _FIELDS:
            if field not in session.content:
                yield Problem("a required field is missing", required=field, path=str(session.path))


@rule(
    "PWR011",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "sources_check; sources_checksums.json",
    hint="measure with the round's release of mlcommons/power-dev, unchanged",
)
def workflow_code_of_the_round(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
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
            required="the checksums in the rule book",
            path=str(session.path),
        )


@rule("PWR015", step="performance", requires=SESSION_READABLE, source=POWER_CHECKER + "uuid_check", hint=_ONE_SESSION)
@in_server_json
def same_uuids(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """client.json and server.json name the same client and the same server."""
    for side in ("client", "server"):
        found, required = (session.text("uuid", side) for session in (power.server, power.client))
        if _uuid(found) != _uuid(required):
            yield Problem(f"the {side}'s uuid differs", found=found, required=f"{required}, as in {power.CLIENT}")


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Malformed(f"'{text[:60]}' is not a uuid") from None


@rule(
    "PWR016",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "session_name_check",
    hint=_ONE_SESSION,
)
@in_server_json
def same_session_name(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """client.json and server.json are of the same session."""
    found, required = (session.content["session_name"] for session in (power.server, power.client))
    if found != required:
        required = f"{shown(required)}, as in {power.CLIENT}"
        yield Problem("the session name differs", found=shown(found), required=required)


_CLIENT_VERSION = re.compile(r"mlcommons\/power client v(\d+)$")
_SERVER_VERSION = re.compile(r"mlcommons\/power server v(\d+)$")


@rule(
    "PWR017", step="performance", requires=SESSION_READABLE, source=POWER_CHECKER + "messages_check", hint=_ONE_SESSION
)
@in_server_json
def same_messages(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """client.json and server.json have the same messages, between a client and a server of the same version.

    Only the replies to `time` may differ.
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
                what = "command" if key == "cmd" else "reply"
                required = f"{shown(required)}, as in {power.CLIENT}"
                yield Problem(f"the {what} of message {index + 1} differs", found=shown(found), required=required)
    command, reply = server.text("messages", 0, "cmd"), server.text("messages", 0, "reply")
    client_version, server_version = _CLIENT_VERSION.search(command), _SERVER_VERSION.search(reply)
    if client_version is None or server_version is None:
        yield Problem("the first message does not state the versions", found=f"{command}; {reply}")
    elif client_version[1] != server_version[1]:
        message = "the client and the server are of different versions"
        yield Problem(message, found=reply, required=f"v{client_version[1]}")


_RUN_FILES = (layout.DETAIL_LOG, layout.SUMMARY_LOG, PowerRun.SPL)


@rule(
    "PWR018",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "results_check",
    hint="restore the file that the session wrote; if it is lost, measure power again",
)
def checksums_match(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The files of the measurement have the checksums that the session recorded."""
    recorded = []
    for session in (power.client, power.server):
        try:
            recorded.append(session.table("results"))
        except Malformed as error:
            yield Problem(str(error), path=str(session.path))
    if len(recorded) < 2:
        return
    by_client, by_server = recorded
    names = [f"power/{name}" for name in ("client.log", power.PTD_LOG, "server.log")]
    names += [f"{run.path.name}/{name}" for run in (power.ranging, power.testing) for name in _RUN_FILES]
    for name in names:
        path = power.folder / PurePosixPath(name)
        if name not in by_client and name not in by_server:
            yield Problem("no checksum of the file was recorded", required=name, path=str(power.server.path))
            continue
        required = by_server.get(name, by_client.get(name))
        if name in by_client and by_client[name] != required:
            message, found = f"two checksums of {name} were recorded", f"{shown(by_client[name])}; {shown(required)}"
            yield Problem(message, found=found, required="one", path=str(power.server.path))
        if (found := power.sha1(path)) != required:
            message = "the file does not have the recorded checksum"
            yield Problem(message, found=found, required=shown(required), path=str(path))


@rule(
    "PWR020",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "debug_check",
    hint="measure power again without debug mode",
)
@in_server_json
def not_in_debug_mode(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The server did not run in debug mode."""
    debug = power.server.content.get("debug", False)
    if debug is not False:
        yield Problem("the server ran in debug mode", found=f"debug: {shown(debug)}", required="false")


@rule(
    "PWR021",
    step="performance",
    requires=SESSION_READABLE,
    source=POWER_CHECKER + "check_ptd_logs",
    hint=MEASURE_POWER_AGAIN,
)
@in_server_json
def timezone_is_a_number(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """server.json states its time zone, in seconds."""
    timezone = power.server.content["timezone"]
    try:
        int(timezone)
    except (TypeError, ValueError, OverflowError):
        yield Problem("the time zone is not a number", found=shown(timezone), required="seconds")
