from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from specimen_unet.domain.errors import MemoryExceededError, PlanError
from specimen_unet.engine import devices
from specimen_unet.engine.devices import (
    choose_device,
    device_name,
    free_memory,
    memory_errors,
)
from specimen_unet.engine.precision import fastest_precision

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


def test_auto_is_a_device_that_works() -> None:
    device = choose_device()
    assert torch.ones(2, device=device).sum().item() == 2
    assert choose_device(" CPU ") == CPU


@pytest.mark.parametrize("name", ["toaster", "", "cuda:x", "meta"])
def test_a_name_that_is_no_device_is_told(name: str) -> None:
    with pytest.raises(PlanError, match="choose auto, cpu, cuda, cuda:1 or mps"):
        choose_device(name)


def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(PlanError, match="cuda:99 was asked for"):
        choose_device("cuda:99")


def test_without_a_gpu_asking_for_one_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(PlanError, match="no NVIDIA GPU here: choose auto or cpu"):
        choose_device("cuda")
    with pytest.raises(PlanError, match="no Apple GPU"):
        choose_device("mps")
    assert choose_device() == CPU


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Let torch answer as on a machine with one old NVIDIA GPU."""
    answers = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_name": lambda _: "NVIDIA T4",
        "get_device_capability": lambda _: (7, 5),
        "mem_get_info": lambda _: (3000, 9000),
        "memory_reserved": lambda _: 500,
        "memory_allocated": lambda _: 200,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    return torch.device("cuda", 0)


def test_a_gpu_is_chosen_and_described(
    pretended_gpu: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_device("auto") == choose_device("cuda") == pretended_gpu
    assert device_name(pretended_gpu) == "NVIDIA T4"
    assert free_memory(pretended_gpu) == 3300
    assert fastest_precision(pretended_gpu) == "float16"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert fastest_precision(pretended_gpu) == "bfloat16"


def test_an_apple_gpu_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 900)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 100)
    apple = choose_device("auto")
    assert apple.type == "mps"
    assert device_name(apple).startswith("Apple GPU")
    assert free_memory(apple) == 800
    assert fastest_precision(apple) == "float32"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "1000\n", "memory.current": "300"}, 700),
        ({"memory.max": "1000", "memory.current": "3000"}, 0),
        ({"memory.max": "max", "memory.current": "300"}, 2**62),
        (
            {
                "memory.max": "1000",
                "memory.current": "600",
                "memory.stat": "anon 350\ninactive_file 250\n",
            },
            650,
        ),
        (
            {
                "memory/memory.limit_in_bytes": "500",
                "memory/memory.usage_in_bytes": "100",
            },
            400,
        ),
        ({}, 2**62),
    ],
)
def test_the_limit_of_a_container_counts(
    files: dict[str, str], limit: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert devices._container_limit(tmp_path) == limit


def test_the_cpu_has_a_name_with_its_cores() -> None:
    name = device_name(CPU)
    assert name.startswith("CPU (")
    assert " core" in name


def test_free_memory_is_less_than_there_is() -> None:
    there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < free_memory(CPU) < there_is


@pytest.mark.parametrize("take", [torch.empty, np.empty], ids=["torch", "numpy"])
def test_running_out_of_memory_says_what_to_do(take: object) -> None:
    with (
        pytest.raises(MemoryExceededError, match="Use a smaller patch"),
        memory_errors("Use a smaller patch."),
    ):
        take(2**52)  # type: ignore[operator]


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="a bug"), memory_errors("Advice."):
        raise RuntimeError("a bug")


def test_a_settled_heap_still_works() -> None:
    """In a process of its own: it changes the allocator for good."""
    work = (
        "from specimen_unet.engine.devices import settle_heap; settle_heap();"
        "import torch; print(torch.ones(1 << 24).sum().item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", work], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == 2**24
