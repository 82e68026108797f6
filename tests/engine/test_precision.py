"""Fewer digits are taken where they are faster, and only where they are right."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from specimen_unet.engine import precision
from specimen_unet.engine.precision import autocast, fastest_precision

CPU = torch.device("cpu")


def test_precision_is_probed_quickly_and_never_float16_on_a_cpu() -> None:
    start = time.perf_counter()
    assert fastest_precision(CPU) in ("float32", "bfloat16")
    assert time.perf_counter() - start < 10
    assert fastest_precision(CPU) == fastest_precision(CPU)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False}, False),
        ({"architecture": "x86_64", "avx512_bf16": True}, True),
        ({"architecture": "x86_64", "amx_bf16": True}, True),
        ({"architecture": "arm64"}, True),
        ({}, True),
    ],
)
def test_a_processor_without_instructions_for_bfloat16_is_not_asked_for_it(
    capabilities: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    precision._fastest_on_cpu.cache_clear()
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: capabilities, raising=False
    )
    # However a timing ends on a busy machine.
    times = {"float32": 2.0, "bfloat16": 1.0}
    monkeypatch.setattr(
        precision, "_seconds_of_one_pass", lambda *pass_: times[pass_[-1]]
    )
    found = fastest_precision(CPU)
    precision._fastest_on_cpu.cache_clear()
    assert found == ("bfloat16" if expected else "float32")


def test_the_probe_leaves_random_numbers_alone() -> None:
    precision._fastest_on_cpu.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fastest_precision(CPU)
    assert torch.equal(torch.rand(2), expected)


def test_autocast_computes_in_the_precision_of_the_plan() -> None:
    weight = torch.ones(2, 2)
    with autocast(CPU, "bfloat16"):
        assert (weight @ weight).dtype == torch.bfloat16
    with autocast(CPU, "float32"):
        assert (weight @ weight).dtype == torch.float32


@pytest.mark.parametrize("told", [{"amx_bf16": True}, {"amx_bf16": False}, {}])
def test_tiles_are_what_the_processor_says(
    told: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert precision.has_tiles() is told.get("amx_bf16", False)
