"""Drafts from the real official checkouts find the shipped rule books: all that differs is what no constant says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from official_checkout import write_checkout
from official_constants import needs_checkout

from submitter.rulebook import load_rulebook
from submitter.rulebook_import import Draft, draft

pytestmark = needs_checkout

# What no constant says, and a draft keeps from the round before; * is any benchmark, model or compliance test.
KEPT = {
    "round.equal_issue_divisions",
    "round.offline_minimum_divisions",
    "checker.absent",
    "checker.not_enforced",
    "checker.forgiven_in_open",
    "metric_divisor",
    "system.system_types",
    "system.any_is_network_value",
    "system.division_case_sensitive",
    "summary",
    "model_guesses",
    "compliance.*.verify",
    "compliance.*.verify_within",
    "compliance.*.performance_judged",
    "compliance.*.accuracy_delta",
    "power.two_channels",
    "power.several_analyzers",
    "power.amps_restored_by",
    "power.max_power_drop_percent",
    "power.max_shortening",
    "models.*",
    "benchmarks.*.model",
    "benchmarks.*.max_new_tokens",
    "benchmarks.*.eos_token_id",
    "benchmarks.*.bos_token_id",
}
# The same, where only some rounds have it.
KEPT_FROM_V5_0 = {
    "round.loadgen_versions_tolerated",
    "round.accuracy_run_files",
    "system.text_fields",
    "measurements.power_files",
    "compliance.*.accuracy_files",
}
KEPT_FROM_V6_0 = {
    "system.whole_number_fields",
    "endpoints.scored",
    "endpoints.required_audits",
    "benchmarks.*.min_new_tokens",
    "benchmarks.*.metric_divisor",
}
# What a file of the checkout says of its own commit.
OF_THE_COMMIT = {"round.source", "round.loadgen_versions", "round.loadgen_package", "checker.source"}


def kept(drafted: Draft) -> set[str]:
    paths = (slot.path for slot in drafted.slots if not slot.is_said)
    return {
        ".".join((path[0], "*", *path[2:]) if path[0] in ("compliance", "benchmarks", "models") else path)
        for path in paths
    }


def differences(drafted: Draft, name: str) -> set[str]:
    """The paths at which the draft and the shipped book differ after parsing; the order of a list does not count."""

    def compare(one: Any, other: Any, path: tuple[str, ...]) -> Iterator[str]:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in one.keys() | other.keys():
                yield from compare(one.get(key), other.get(key), (*path, str(key)))
        elif in_order(one) != in_order(other):
            yield "/".join(path)

    return set(compare(msgspec.to_builtins(drafted.book), msgspec.to_builtins(load_rulebook(name)), ()))


def in_order(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, list | tuple) else value


def test_v6_1_is_found(tmp_path: Path) -> None:
    """What is not: the first LoadGen with the round's seeds, which only the history has, and what is from elsewhere."""
    drafted = draft(write_checkout(tmp_path, "b66003e1"), "v6.1")
    assert drafted.last == "v6.0"
    display_names = load_rulebook("v6.1").summary.display_names
    assert differences(drafted, "v6.1") == {
        *("round/loadgen_versions", "round/source"),
        *(f"summary/display_names/{name}" for name in display_names),
        *(
            f"benchmarks/qwen3.6-27b/written_accuracy/{metric}"
            for metric in ("overall_accuracy", "normalized_single_turn_score")
        ),
    }
    assert kept(drafted) == KEPT | KEPT_FROM_V6_0
    assert (
        set(drafted.to_confirm) - {".".join(slot.path) for slot in drafted.slots if not slot.is_said} == OF_THE_COMMIT
    )
    wan = "wan-2.2-t2v-a14b"
    assert drafted.warnings == [
        f"LoadGen's {wan}.*.performance_sample_count_override is 248, and the checker has 50 for {wan}",
        "LoadGen's dlrm-v3.Server.target_latency is 80 ms, and the checker has 60000 ms for dlrm-v3",
    ] + [
        f"{name} is new, and LoadGen has no section of its name: loadgen_model is left out"
        for name in ("qwen3.6-27b", "e2e-rag-qna", "e2e-rag-db")
    ]


def test_a_round_that_repeats_the_newest_changes_only_its_name(tmp_path: Path) -> None:
    """The next round, if the checkout had it: v6.1's constants under its name."""
    constants = write_checkout(tmp_path, "b66003e1") / "tools/submission/submission_checker/constants.py"
    constants.write_text(constants.read_text("utf-8").replace('"v6.1"', '"v7.0"'), "utf-8")
    drafted = draft(tmp_path, "v7.0")
    assert drafted.last == "v6.1"
    assert drafted.changed == ["round.name", "round.source", "round.loadgen_versions"]
    assert differences(drafted, "v6.1") == {"round/name", "round/source", "round/loadgen_versions"}
    assert not [line for line in drafted.text.splitlines() if "# new" in line or "# removed" in line]


def test_v5_1_is_found_in_the_checker_of_one_file(tmp_path: Path) -> None:
    drafted = draft(write_checkout(tmp_path, "v5.1.1"), "v5.1")
    assert drafted.last == "v5.0"
    assert kept(drafted) == KEPT | KEPT_FROM_V5_0 | {"measurements.text_fields"}
    found = differences(drafted, "v5.1")
    tables = ("checker/", "models/")
    assert {path for path in found if not path.startswith(tables)} == {
        # The checkout's commit and LoadGen.
        *("round/source", "round/loadgen_versions", "round/loadgen_package", "round/loadgen_versions_tolerated"),
        # Its code.
        *("round/equal_issue_divisions", "measurements/text_fields", "summary/unit_of_folder"),
        *("power/several_analyzers", "power/amps_restored_by"),
        # The written rules and the reference implementations.
        *(f"benchmarks/llama2-70b-{target}/min_new_tokens" for target in ("99", "99.9")),
        *(
            f"benchmarks/{name}/{key}"
            for name in ("llama3.1-8b", "llama3.1-8b-edge")
            for key in ("model", "max_new_tokens", "min_new_tokens", "eos_token_id", "bos_token_id")
        ),
        "benchmarks/deepseek-r1/model",
    }


def test_v6_0_is_found_in_a_checkout_of_the_round_after(tmp_path: Path) -> None:
    """Its LoadGen is v6.1's, which the draft says; and between v5.1 and v6.0 the checker was written anew."""
    drafted = draft(write_checkout(tmp_path, "b66003e1"), "v6.0")
    assert drafted.warnings[0].startswith("the seeds of LoadGen in this checkout are another round's")
    assert kept(drafted) == KEPT | KEPT_FROM_V5_0 | {"checker.error_count_key", "benchmarks.*.min_new_tokens"}
    found = differences(drafted, "v6.0")
    prose = ("round/", "checker/", "summary/", "system/", "models/", "model_guesses/", "measurements/power_files")
    assert {path for path in found if not path.startswith(prose)} == {
        # No other round has these tests: what they write is in the code.
        *(f"compliance/{test}/verify/verify_accuracy.txt" for test in ("TEST07", "TEST08")),
        *("compliance/TEST09/verify/verify_output_len.txt", "compliance/TEST09/verify_within"),
        *("compliance/TEST07/verify_within", "compliance/TEST01/verify_within", "compliance/TEST01/accuracy_files"),
        # With one audit file, the draft takes all settings for the test's.
        *(
            f"compliance/TEST07/audit/{key}"
            for key in ("accuracy_log_sampling_target", "min_query_count", "performance_issue_unique")
        ),
        *(f"benchmarks/gpt-oss-120b/{key}" for key in ("model", "audit/TEST07", "audit/TEST09")),
        *("endpoints/scored", "endpoints/required_audits"),
        *("benchmarks/wan-2.2-t2v-a14b/metric_divisor/SingleStream", "benchmarks/qwen3-vl-235b-a22b/model"),
    }
    said = {slot.path for slot in drafted.slots if slot.is_said and not slot.where}
    assert not {path for path in found if tuple(path.split("/"))[:3] in said}
