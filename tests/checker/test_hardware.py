"""The most tokens a described machine can generate, and when its description does not tell."""

from __future__ import annotations

from typing import Any

import pytest

from submitter.checker.hardware import TokenBound, token_bound

H200 = {"accelerator_model_name": "NVIDIA H200-SXM-141GB", "number_of_nodes": "1", "accelerators_per_node": "8"}
BENCHMARK = "llama2-70b-99.9"


def test_the_bound_is_peak_by_operations_a_token() -> None:
    """8 H200 with 1979 TFLOPS each; 68.7e9 parameters, two operations each."""
    bound = token_bound(H200, BENCHMARK)
    assert bound is not None
    assert (bound.count, bound.peak_tflops, bound.gflop_per_token) == (8, 1979, 2 * 68.7)
    assert bound.tokens_per_s == pytest.approx(8 * 1979e12 / (2 * 68.7e9))
    assert bound.source
    assert str(bound) == "at most 115,226 tokens/s: 8 x 1,979 TFLOPS / 137.4 GFLOP per token"


def test_nodes_multiply() -> None:
    bound = token_bound(H200 | {"number_of_nodes": 4}, BENCHMARK)
    assert bound is not None
    assert bound.count == 32
    most = token_bound(H200 | {"number_of_nodes": 1, "accelerators_per_node": "999999"}, BENCHMARK)
    assert most is not None
    assert most.count == 999_999


@pytest.mark.parametrize(
    "changed",
    [
        {"accelerator_model_name": "NVIDIA H200 and NVIDIA L4"},
        {"accelerator_model_name": "NVIDIA H200, NVIDIA L4"},
        {"accelerator_model_name": "NVIDIA H200 + CPU"},
        {"accelerator_model_name": "TPU v6"},
        {"accelerator_model_name": ""},
        {"accelerator_model_name": ["NVIDIA H200"]},
        {"accelerator_model_name": None},
        {"accelerators_per_node": "eight"},
        {"accelerators_per_node": "8.0"},
        {"accelerators_per_node": "٨"},
        {"accelerators_per_node": 8.0},
        {"accelerators_per_node": True},
        {"accelerators_per_node": 0},
        {"accelerators_per_node": -8},
        {"accelerators_per_node": 10**7},
        {"accelerators_per_node": None},
        {"number_of_nodes": 999_999, "accelerators_per_node": 999_999},
    ],
)
def test_without_a_plain_description_there_is_no_bound(changed: dict[str, Any]) -> None:
    assert token_bound(H200 | changed, BENCHMARK) is None


def test_no_field_need_be_there() -> None:
    assert token_bound({}, BENCHMARK) is None


def test_a_benchmark_whose_size_is_not_known_has_no_bound() -> None:
    assert token_bound(H200, "resnet") is None


def test_a_bound_shows_its_arithmetic() -> None:
    bound = TokenBound(count=2, peak_tflops=1000.5, gflop_per_token=2.0, source="a data sheet")
    assert bound.tokens_per_s == 2 * 1000.5 * 1e3 / 2
    assert str(bound).endswith("2 x 1,000.5 TFLOPS / 2 GFLOP per token")
