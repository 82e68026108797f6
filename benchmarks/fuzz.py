"""Read thousands of damaged files of every format; none may do harm.

    python benchmarks/fuzz.py --files 2000

Damages small valid files (bits flipped, truncated, extreme numbers in the header,
pieces moved), reads each in a process of its own with 5 s and little memory, and
prints for every format how many were read, refused with a `CaseReadError`, or did
harm. Ends with 1 if any crashed, hung, took more than twice its honest size in memory
(beyond 32 MB of the libraries' own), or raised anything else. Linux only.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import dask.array  # noqa: F401  # before memory is measured
import numpy as np
import zarr  # noqa: F401
from damage import damaged, make_samples
from record import write_record

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import read_image, read_labels

OUTCOMES = ("read", "refused", "raised", "crashed", "hung", "memory")
HARM = OUTCOMES[2:]
SECONDS = 5  # of the processor
# Seconds on the clock: on a busy machine a process gets few of its own.
_PATIENCE = 60
_OWN_MEMORY = 32 * 2**20
_ADDRESSES = 2**30
_READS = 500  # then a new process, lest leaks add up


class Reader:
    """A process that reads files, and a new one whenever it was lost."""

    def __init__(self) -> None:
        self._child = 0
        self._reads = 0

    def read(self, path: Path, honest: int) -> str:
        """Read a file as an image, then as labels; what came of it, then details."""
        if self._reads % _READS == 0:
            self.close()
            self._start()
        self._reads += 1
        os.write(self._orders, f"{honest} {path}\n".encode())
        ready, _, _ = select.select([self._answers], [], [], _PATIENCE)
        told = os.read(self._answers, 2**16).decode() if ready else ""
        if told:
            return told
        status = self.close()
        return f"crashed\nexit status {status}" if ready else "hung"

    def _start(self) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._orders)
            os.close(self._answers)
            _obey(orders, answers)
            os._exit(0)
        os.close(orders)
        os.close(answers)

    def close(self) -> int:
        """End the process; return what it ended with, if it already had."""
        if not self._child:
            return 0
        os.close(self._orders)
        os.close(self._answers)
        done, status = os.waitpid(self._child, os.WNOHANG)
        if not done:
            os.kill(self._child, signal.SIGKILL)
            _, status = os.waitpid(self._child, 0)
        self._child = self._reads = 0
        return status


def _obey(orders: int, answers: int) -> None:
    """Read every file that is named until there are no more orders."""
    addresses = int(Path("/proc/self/statm").read_text().split()[0])
    limit = addresses * resource.getpagesize() + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries' complaints
    warnings.simplefilter("ignore")
    with os.fdopen(orders) as lines:
        for line in lines:
            honest, path = line.rstrip("\n").split(" ", 1)
            told = _outcome(Path(path), int(honest)).encode()
            os.write(answers, told[: select.PIPE_BUF])


def _outcome(path: Path, honest: int) -> str:
    """Tell what reading came to; the first line is one of OUTCOMES."""
    Path("/proc/self/clear_refs").write_text("5")  # begin a new peak
    before, began = _memory("VmRSS"), time.process_time()
    outcome = "refused"
    try:
        # Blocks of OME-Zarr are read when they are asked for.
        honest = max(honest, np.asarray(read_image(path)[0]).nbytes)
        outcome = "read"
        read_labels(path)
    except CaseReadError as error:
        if str(path.parent) not in str(error):
            return f"raised\n{error}"
    except BaseException:  # noqa: BLE001 (that is what is looked for)
        return f"raised\n{traceback.format_exc()}"
    seconds = time.process_time() - began
    if seconds > SECONDS:
        return f"hung\n{seconds:.1f} s"
    taken = _memory("VmHWM") - before
    if taken > 2 * honest + _OWN_MEMORY:
        return f"memory\n{taken / 2**20:.0f} MB for {honest / 2**20:.1f}"
    return outcome


def _memory(name: str) -> int:
    """Bytes of this process's memory, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1024


def fuzz(
    name: str, files: list[Path], number: int, seed: int, kept: Path
) -> Counter[str]:
    """Damage one format's files many times; keep those that do harm."""
    random = np.random.default_rng([seed, *name.encode()])
    opened, parts = files[0], files[1:] or files
    honest = sum(path.stat().st_size for path in parts)
    counts: Counter[str] = Counter()
    reader = Reader()
    for trial in range(number):
        part = parts[random.integers(len(parts))]
        whole = part.read_bytes()
        content = damaged(random, whole)
        part.write_bytes(content)
        outcome, _, what = reader.read(opened, honest).partition("\n")
        part.write_bytes(whole)
        counts[outcome] += 1
        if outcome in HARM:
            harmful = kept / f"{name.replace(' ', '-')}-{trial}-{part.name}"
            harmful.write_bytes(content)
            print(f"{outcome}: {harmful}\n{what[-600:]}", file=sys.stderr)
    reader.close()
    return counts


def _make_in_child(folder: Path) -> dict[str, list[Path]]:
    """Make the samples elsewhere: threads of SimpleITK do not survive a fork."""
    child = os.fork()
    if child == 0:
        try:
            samples = make_samples(folder)
            lines = ("\t".join([name, *map(str, of)]) for name, of in samples.items())
            (folder / "samples.txt").write_text("\n".join(lines))
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        os._exit(0)
    os.waitpid(child, 0)
    rows = [row.split("\t") for row in (folder / "samples.txt").read_text().split("\n")]
    return {name: [Path(file) for file in files] for name, *files in rows}


def main() -> int:
    """Print the table; 1 if any file did harm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats that begin with this")
    parser.add_argument("--kept", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{'format':18}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES))
    table: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, files in _make_in_child(Path(folder)).items():
            if name.startswith(arguments.only):
                counts = fuzz(
                    name, files, arguments.files, arguments.seed, arguments.kept
                )
                table[name] = counts
                cells = "".join(f"{counts[outcome]:9}" for outcome in OUTCOMES)
                print(f"{name:18}{cells}", flush=True)
    write_record(arguments.json, "fuzz", {"files": arguments.files, **table})
    return int(any(counts[harm] for counts in table.values() for harm in HARM))


if __name__ == "__main__":
    sys.exit(main())
