"""The tables of benchmarks, from the official constants and LoadGen's configuration."""

from __future__ import annotations

import ast
import re
from typing import Any

from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook_import.constants import Official, typed
from submitter.rulebook_import.literals import HINT, Product, mentions, models_in, returned_names

Table = dict[str, Any]
_INTERACTIVE, _SERVER = Scenario.INTERACTIVE.value, Scenario.SERVER.value


class Benchmarks:
    """Drafts a round's benchmarks, without what no constant says; `last` is the round before, as in its file."""

    def __init__(self, official: Official, last: Table) -> None:
        self.official, self.config, self.last = official, official.config, last["benchmarks"]
        self.sections = official.checkout.loadgen_models
        self.names = metric_names(official)
        self.tests = official.tests or _tests_of_one_file(official)
        self.llm_models = _llm_models(official)
        self.equal_issue = models_in(official.source.function("requires_equal_issue"))
        check = official.checkout.code("checks/performance_check.py")
        self.without_duration = models_in(check.function("min_duration_check")) if check else None

    def table(self, name: str) -> Table:
        """The benchmark's keys, as in a round's file; one that is empty is not in the round."""
        config, official = self.config, self.official
        size = {}
        if config.dataset_size or "dataset_size" not in self.last.get(name, {}):
            size = {"dataset_size": official.of_benchmark(config.dataset_size, name, "dataset-size")}
        found: Table = {
            "loadgen_model": self._loadgen_model(name),
            **size,
            "performance_sample_count": official.of_benchmark(
                config.performance_sample_count, name, "performance-sample-count"
            ),
            "accuracy_sample_count": config.accuracy_sample_count.get(name),
            "metric": self._metric(name),
            "unit": self._unit(name),
            "offline_min_samples_per_query": official.get("OFFLINE_MIN_SPQ_SINCE_V4", dict[str, int]).get(name),
            "min_query_count": official.of_benchmark(config.min_queries, name, "min-queries"),
            "latency_ns": config.latency_constraint.get(name, {}),
            "token_latency": self._token_latency(name),
            "scenarios": self._scenarios(name),
            **self._accuracy(name),
            "accuracy_files": official.get("REQUIRED_ACC_BENCHMARK", dict[str, dict[str, dict[str, list[str]]]])
            .get(name, {})
            .get(official.round, {}),
        }
        model = found["loadgen_model"]
        interactive = f"{model}-interactive"
        allowed = _INTERACTIVE in self._allowed(name) and interactive in self.sections
        found["loadgen_model_interactive"] = interactive if allowed else None
        if self.llm_models is not None:
            found["use_token_latencies"] = name in self.llm_models
        if official.checkout.is_package:
            # No benchmark has it officially from v6.0 on; what LoadGen does counts.
            section = f"{model}.*.sample_concatenate_permutation"
            found["equal_issue"] = official.checkout.loadgen.get(section) == 1
        elif self.equal_issue is not None:
            found["equal_issue"] = name in self.equal_issue
        if self.without_duration is not None:
            found["min_duration_ms"] = 0 if name in self.without_duration else None
        if self.tests is not None:
            found["compliance"] = sorted(test for test, models in self.tests.items() if name in models)
            found["compliance_delta"] = self._delta(name, found)
        return found

    def _loadgen_model(self, name: str) -> str | None:
        """The section of the round before if LoadGen still has it; else the one that is named like the benchmark."""
        stem = re.sub(r"-\d\d(\.\d)?$", "", name)
        known = self.last.get(name, {}).get("loadgen_model")
        candidates = [known, *(n for each in (name, stem) for n in (each, each.replace(".", "_")))]
        return next((each for each in candidates if each in self.sections), None)

    def _scenarios(self, name: str) -> Table:
        config = self.config
        kinds = {
            "datacenter": (config.required_datacenter, config.optional_datacenter),
            "edge": (config.required_edge, config.optional_edge),
            "datacenter-edge": (config.required_both, config.optional_both),
        }
        found: Table = {}
        for kind, (required, optional) in kinds.items():
            if name in required:
                needed: Table = {"required": [each.value for each in required[name]]}
                others = [each.value for each in optional.get(name, [])]
                # The checker requires one of Server and Interactive where both are optional.
                choice = set(others) == {_SERVER, _INTERACTIVE}
                if others:
                    needed["one_of" if choice else "optional"] = sorted(others, reverse=True)
                found[kind] = needed
        return found

    def _allowed(self, name: str) -> set[str]:
        return {each for needed in self._scenarios(name).values() for some in needed.values() for each in some}

    def _metric(self, name: str) -> Table:
        kind = dict[str, dict[str, dict[Scenario, str]]]
        by_round = self.official.get("RESULT_FIELD_BENCHMARK_OVERWRITE", kind)
        found = dict(by_round.get(self.official.round, {}).get(name, {}))
        # LoadGen logs Interactive as Server, and the checker looks the metric up by the log's scenario.
        if Scenario.SERVER in found and _INTERACTIVE in self._allowed(name):
            found[Scenario.INTERACTIVE] = found[Scenario.SERVER]
        return found

    def _unit(self, name: str) -> Table:
        usual, special = units(self.official)
        there = round_metric(self.official)
        return {each: unit for each, unit in special.get(name, {}).items() if each in there and unit != usual.get(each)}

    def _token_latency(self, name: str) -> Table:
        limits = self.official.get("LLM_LATENCY_LIMITS", dict[str, dict[str, Any]]).get(name, {})
        limits = limits.get("conversational", limits)
        if "ttft" in limits:  # until v5.0: the same in every scenario but Offline
            limits = {each: limits for each in ("Server", "SingleStream", "MultiStream")}
        try:
            return {each: {"ttft_ns": both["ttft"], "tpot_ns": both["tpot"]} for each, both in limits.items()}
        except (KeyError, TypeError, AttributeError):
            place = f"{self.official.file}: LLM_LATENCY_LIMITS of {name}"
            raise InputError(f"{place} does not have ttft and tpot by scenario", HINT) from None

    def _accuracy(self, name: str) -> Table:
        target = self.official.of_benchmark(self.config.accuracy_target, name, "accuracy-target")
        upper = self.config.accuracy_upper_limit.get(name, ())
        if not isinstance(target, dict):
            return {"accuracy": self._targets(name, target, upper), "accuracy_of": {}}
        usual = next((each for each in ("default", "Offline", "Server") if each in target), next(iter(target), ""))
        found = {each: self._targets(name, values, upper) for each, values in target.items()}
        others = {each: targets for each, targets in found.items() if targets != found[usual]}
        return {"accuracy": found.get(usual, {}), "accuracy_of": others}

    def _targets(self, name: str, lowest: tuple[Any, ...], highest: tuple[Any, ...]) -> Table:
        found: Table = {}
        for metric, value in self._pairs(name, lowest).items():
            reference, factor = (value.reference, value.factor) if isinstance(value, Product) else (value, 1)
            found[metric] = {"reference": reference, "factor": factor}
        for metric, value in self._pairs(name, highest).items():
            known = found.get(metric)
            reference, factor = (value.reference, value.factor) if isinstance(value, Product) else (value, 1)
            if known is None:
                # Only an upper limit: a score that is there may not be above it.
                found[metric] = {"reference": reference, "factor": 0, "upper_factor": factor, "optional": True}
            elif isinstance(value, Product) and known["reference"] == reference:
                known["upper_factor"] = factor
            else:
                known["upper_limit"] = float(value)
        return found

    def _pairs(self, name: str, flat: tuple[Any, ...]) -> dict[str, Any]:
        named = all(isinstance(metric, str) and metric in self.names for metric in flat[::2])
        if not named or len(flat) % 2 or not all(isinstance(value, int | float) for value in flat[1::2]):
            place = f"{self.official.file}: the scores of {name}"
            raise InputError(f"{place} are not pairs of a metric of ACC_PATTERN and a number", HINT)
        return {self.names[metric]: value for metric, value in zip(flat[::2], flat[1::2], strict=True)}

    def _delta(self, name: str, found: Table) -> Table:
        """What get_delta_perc says: the table, and a tenth of the usual where 99.9 % of the reference is required."""
        if "TEST01" not in found["compliance"]:
            return {}
        percent = self.config.accuracy_delta_percent.get(name, {})
        named = {self.names.get(metric, metric): value / 100 for metric, value in percent.items()}
        return named or ({metric: 0.001 for metric in found["accuracy"]} if "99.9" in name else {})


def metric_names(official: Official) -> dict[str, str]:
    """Our names of the metrics, which are those in accuracy.txt, by the official names."""
    found = {}
    for name, pattern in official.get("ACC_PATTERN", dict[str, str]).items():
        quoted = re.search(r"'(\w+)'", pattern)
        found[name] = quoted[1] if quoted and quoted[1].lower() == name.lower() else name
    return found


def units(official: Official) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The units by scenario, and those of single benchmarks."""
    kinds: tuple[Any, Any] = (dict[str, str], dict[str, dict[str, str]])
    if official.checkout.is_package:
        return official.get("UNIT_DICT", kinds[0]), official.get("SPECIAL_UNIT_DICT", kinds[1])
    usual, special = (
        typed(official.source.local(name) or {}, kind, f"{official.file}: {name}")
        for name, kind in zip(("unit_dict", "special_unit_dict"), kinds, strict=True)
    )
    return usual, special


def round_metric(official: Official) -> dict[str, str]:
    """The key of the figure by scenario; Interactive is logged as Server."""
    by_round = official.get("RESULT_FIELD_NEW", dict[str, dict[str, str]])
    known = {each.value for each in Scenario}
    found = {each: key for each, key in by_round.get(official.round, {}).items() if each in known}
    config = official.config
    lists = (config.optional_datacenter, config.required_datacenter, config.optional_both, config.required_both)
    if _SERVER in found and any(Scenario.INTERACTIVE in each for table in lists for each in table.values()):
        found[_INTERACTIVE] = found[_SERVER]
    return found


def _llm_models(official: Official) -> list[str] | None:
    """The benchmarks whose token latencies are checked."""
    if official.checkout.is_package:
        code = official.checkout.code("configuration/configuration.py")
        return returned_names(code.function("get_llm_models")) if code else None
    function = official.source.function("check_performance_dir")
    calls = (
        node.test
        for node in (ast.walk(function) if function else ())
        if isinstance(node, ast.If) and mentions(node.body[0], "extra_check_llm")
    )
    return models_in(next(calls, None))


def _tests_of_one_file(official: Official) -> dict[str, list[str]] | None:
    """The benchmarks of each compliance test, from the first conditions of check_compliance_dir; None if unclear."""
    function = official.source.function("check_compliance_dir")
    everywhere = official.source.local("test_list")
    if function is None or not everywhere:
        return None
    models = official.config.models
    tests = {test: set(models) for test in typed(everywhere, list[str], f"{official.file}: test_list")}
    for node in function.body:
        if not isinstance(node, ast.If):
            continue
        match node.body:
            case [
                ast.Expr(ast.Call(ast.Attribute(ast.Name("test_list"), change), [ast.Constant(value=str() as test)]))
            ]:
                named = models_in(node.test)
                if named is None or change not in ("remove", "append"):
                    return None
                before = tests.setdefault(test, set())
                tests[test] = before - set(named) if change == "remove" else before | set(named)
            case _ if mentions(node.test, "test_list"):
                break
            case _:
                return None
    return {test: sorted(names) for test, names in tests.items()}
