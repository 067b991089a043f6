"""What is wrong in a user.conf: LoadGen takes no notice of a line that it does not understand, so it is found here.

A campaign has a user.conf for each scenario, but the file may be shared between scenarios and benchmarks: a line for
another scenario is right, and one for another benchmark's model is, too, if its key is also set for this run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from submitter.errors import InputError
from submitter.harness.loadgen_keys import (
    KEYS,
    RATE_KEYS,
    SCENARIOS,
    TOKEN_LATENCY_KEYS,
    Key,
    Kind,
    key_of,
    reserved,
    scenarios_of,
)
from submitter.harness.meant_line import BYTE_ORDER_MARK, Name, listed, meant, nearest
from submitter.loadgen_conf import WILDCARD, Line, read_file, settings
from submitter.model import Scenario
from submitter.rulebook import Rulebook

_REMOVE = "remove the line"


def conf_problems(path: Path, book: Rulebook, benchmark: str, scenario: Scenario) -> list[InputError]:
    """Everything that is wrong in the user.conf of an official benchmark's scenario, in the order of the lines.

    Each problem has the line's number and what LoadGen does with the line; the hint has the nearest line that is right.
    LoadGen need not be installed. `benchmark` is the official name.
    """
    try:
        lines = read_file(path)
    except InputError as error:
        return [error]
    return _Lint(book, benchmark, scenario, lines).problems(path)


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with a line, and the nearest line that is right, or else what to do."""

    line: Line
    what: str
    right: str = ""
    remedy: str = _REMOVE

    def error(self, path: Path) -> InputError:
        return InputError(
            f"{path}:{self.line.number}: {self.what}", f"write: {self.right}" if self.right else self.remedy
        )


class _Lint:
    """The lines of one user.conf, seen from one run."""

    def __init__(self, book: Rulebook, benchmark: str, scenario: Scenario, lines: Sequence[Line]) -> None:
        rules = book.benchmark(benchmark)
        self.round = book.name
        self.label = scenario
        self.scenario = scenario.loadgen_name
        self.model = rules.loadgen_model_for(scenario)
        self.interactive_model = rules.loadgen_model_interactive or self.model
        self.models = {
            name
            for each in book.benchmarks.values()
            for name in (each.loadgen_model, each.loadgen_model_interactive)
            if name
        }
        self.version = tuple(int(part) for part in book.round.loadgen_versions[-1].split("."))
        self.lines = lines
        self.set_here = settings(self.lines, self.model, self.scenario)
        on = self.set_here.get("use_token_latencies")
        self.token_latencies = on.count_value == 1 if on and not on.fault else rules.use_token_latencies

    def problems(self, path: Path) -> list[InputError]:
        wrong = [found for line in self.lines if (found := self._wrong(line))]
        wrong += self._overridden({found.line for found in wrong})
        errors = [found.error(path) for found in sorted(wrong, key=lambda found: found.line.number)]
        rate = RATE_KEYS[self.scenario]
        if rate not in self.set_here and rate not in {self._meant_key(found.line) for found in wrong}:
            what = "the rate in samples/s" if rate == "target_qps" else "the expected latency in ms"
            add = f"add the line: {WILDCARD}.{self.scenario}.{rate} = N, where N is {what}"
            errors.append(
                InputError(f"{path} sets no {rate} for {self.label}: LoadGen's own value is a placeholder", add)
            )
        return errors

    def _wrong(self, line: Line) -> _Wrong | None:
        """What LoadGen refuses or ignores, or a value that it reads in another way; the first of these."""
        if line.name.startswith("#"):
            if not line.fault:
                return None
            right = f"# {str(line)[1:]}"
            return _Wrong(line, f"LoadGen refuses '{line}': a comment needs a blank after its #", right)
        if line.name.startswith(BYTE_ORDER_MARK):
            what = f"LoadGen does not understand '{line}': the file begins with a byte order mark"
            return _Wrong(line, what, remedy="save it as UTF-8 without a byte order mark")
        if line.fault:
            return self._to_rewrite(line, f"LoadGen refuses '{line}': {line.fault}")
        if not line.values:
            why = "there must be a blank on both sides of =" if "=" in line.name[1:-1] else "it has no value"
            return self._to_rewrite(line, f"LoadGen ignores '{line}': {why}")
        if reasons := self._reasons(Name.of(line.name)):
            return self._to_rewrite(line, f"LoadGen ignores '{line}': {'; '.join(reasons)}")
        return self._reserved(line) or self._wrong_value(line)

    def _to_rewrite(self, line: Line, what: str) -> _Wrong:
        """A wrong line with the right one, if there is one for this run."""
        key, (_, value) = self._meant_key(line), meant(line)
        names = ", ".join(each.name for each in self._readable())
        if not key:
            return _Wrong(line, what, remedy=f"LoadGen's keys for {self.label}: {names}")
        if key not in names.split(", "):
            return _Wrong(line, what)
        return _Wrong(line, what, self._right(line, key, value) if value else "", f"give {key} a number")

    def _reasons(self, name: Name) -> list[str]:
        """Why LoadGen does not use the line in this run; empty if it does, or if the line is for another scenario."""
        reasons = []
        if missing := [part for part in ("model", "scenario") if not getattr(name, part)]:
            reasons.append(f"a name is model.scenario.key, and this one lacks the {' and the '.join(missing)}")
        if name.scenario == Scenario.INTERACTIVE:
            reasons.append(f"it has no scenario Interactive; it runs it as Server of model {self.interactive_model}")
        elif name.scenario and name.scenario not in (WILDCARD, *SCENARIOS):
            reasons.append(f"it has no scenario {name.scenario}")
        if name.model and name.model not in (WILDCARD, self.model):
            if name.model not in self.models:
                reasons.append(f"round {self.round} has no model {name.model}; this run's is {self.model}")
            elif name.key not in self.set_here:
                reasons.append(f"it is for model {name.model}; {self.label} of this benchmark runs as {self.model}")
        return reasons if reserved(name.key) else reasons + self._key_reasons(name)

    def _key_reasons(self, name: Name) -> list[str]:
        if not (read_in := scenarios_of(name.key)):
            return [f"it has no key {name.key}"]
        asked = self._asked(name)
        key = key_of(name.key, asked)
        if asked in SCENARIOS and key is None:
            return [f"it reads {name.key} in {listed(read_in)} only"]
        if key and key.since > self.version:
            return [f"it reads {name.key} since version {_dotted(key.since)}, and round {self.round} has an older one"]
        if name.key in TOKEN_LATENCY_KEYS and not self.token_latencies:
            return [f"it reads {name.key} only where use_token_latencies is on"]
        return []

    def _reserved(self, line: Line) -> _Wrong | None:
        key = Name.of(line.name).key
        entry = reserved(key)
        if entry is None:
            return None
        if entry.read_until is None or self.version[:2] <= entry.read_until:
            return _Wrong(line, f"'{line}' must not be in a user.conf: {entry.why}")
        until = f"only {_dotted(entry.read_until)} and older read {key} from user.conf; " if entry.read_until else ""
        return _Wrong(line, f"LoadGen ignores '{line}': {until}{entry.why}")

    def _wrong_value(self, line: Line) -> _Wrong | None:
        name = Name.of(line.name)
        key = key_of(name.key, self._asked(name))
        if key is None:
            return None
        text, number = line.values[-1], line.number_value
        if len(line.values) > 1:
            return _Wrong(line, f"LoadGen takes only the last value of '{line}'", f"{line.name} = {text}")
        if key.kind is Kind.POSITIVE and not 0 < number < math.inf:
            return _Wrong(line, f"'{line}': {name.key} is {text}", remedy="it must be a number above 0")
        if key.kind is Kind.PERCENTILE and not 0 < number < 100:
            return _Wrong(line, f"'{line}': {name.key} is {text}", remedy="it must be a number between 0 and 100")
        if key.kind is Kind.FLAG and number not in (0, 1):
            return _Wrong(line, f"'{line}': {name.key} is {text}", remedy="it must be 1 for on or 0 for off")
        if key.kind is Kind.COUNT and line.count_value != number:
            what = f"LoadGen reads '{line}' as {line.count_value}: it takes whole numbers in plain digits only"
            right = f"{line.name} = {round(number) or 1}" if 0 < number < 2**63 else ""
            return _Wrong(line, what, right, "it must be a whole number, 0 or more")
        return None

    def _overridden(self, known: set[Line]) -> Iterator[_Wrong]:
        """Lines whose value another line replaces, though neither is the more general one."""
        lines = [line for line in self.lines if line.values and line not in known and not line.name.startswith("#")]
        last = {line.name: line for line in lines}
        for line in lines:
            key = Name.of(line.name).key
            of_scenario = last.get(f"{WILDCARD}.{self.scenario}.{key}")
            winner = last[line.name]
            why = f"line {winner.number} sets {line.name} again"
            if winner is line and of_scenario and line.name == f"{self.model}.{WILDCARD}.{key}":
                winner = of_scenario
                why = f"line {winner.number} sets it for {self.scenario}, which takes precedence over the model"
            if winner.values[-1] != line.values[-1]:
                yield _Wrong(line, f"LoadGen ignores '{line}': {why}", remedy="keep one of the two lines")

    def _right(self, line: Line, key: str, value: str) -> str:
        """The nearest line that is right for this run."""
        name = Name.of(meant(line)[0])
        scenario, model = name.scenario, name.model or WILDCARD
        if scenario not in (WILDCARD, *SCENARIOS) or not key_of(key, self._asked(name)):
            scenario = nearest(scenario, SCENARIOS)
            if not scenario or not key_of(key, scenario):
                scenario = self.scenario
        if name.scenario.lower() == Scenario.INTERACTIVE.lower():
            scenario, model = Scenario.INTERACTIVE.loadgen_name, self.interactive_model
        elif model != WILDCARD and (model not in self.models or key not in self.set_here):
            model = self.model
        return f"{model}.{scenario}.{key} = {value}"

    def _meant_key(self, line: Line) -> str:
        """LoadGen's key that is nearest to the line's, of those for this run if it is not a key at all; else empty."""
        key = Name.of(meant(line)[0]).key
        if scenarios_of(key) or reserved(key):
            return key
        return nearest(key, {each.name for each in self._readable()})

    def _readable(self) -> Sequence[Key]:
        """The keys that a user.conf may set for this run."""
        allowed = [key for key in KEYS if self.scenario in key.scenarios and key.since <= self.version]
        return [key for key in allowed if self.token_latencies or key.name not in TOKEN_LATENCY_KEYS]

    def _asked(self, name: Name) -> str:
        """The scenario that a name is about: this run's, if it is about all."""
        return self.scenario if name.scenario == WILDCARD else name.scenario


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
