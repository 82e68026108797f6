"""How the threads of a CPU wait for each other."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

# Rounds of an empty loop, instead of GNU's 300,000: docs/benchmarks.md.
_SPIN_COUNT = "5000"
_SPIN = "GOMP_SPINCOUNT"
_POLICY = "OMP_WAIT_POLICY"


def wait_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have threads that wait give their core away soon, if torch is not loaded yet.

    A step is hundreds of small pieces of work, after each of which the threads wait
    for the last of them. GNU's OpenMP, which comes with torch on Linux, lets them spin
    meanwhile. Where another program computes as well, the thread that is waited for
    may then be the one that gets no core, as the others hold theirs by spinning.

    Parameters
    ----------
    environment : mutable mapping, optional
        Environment variables; OpenMP reads them when it is loaded. What somebody chose
        there stays.
    """
    is_chosen = _SPIN in environment or _POLICY in environment
    if not is_chosen and "torch" not in sys.modules:
        environment[_SPIN] = _SPIN_COUNT
