"""How much memory a process grew by at most; for scripts that tests run apart."""

from __future__ import annotations

import threading
from pathlib import Path

_SECONDS = 0.001
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Tells what this process took for itself at most, libraries' pages left out.

    Two ways, each of which can only say too little; the larger counts. The kernel's
    own peak has libraries' pages in it, at most as many as were ever seen: a busy
    kernel takes them back, and a process seemed to grow by 64 or 125 MB where it grew
    by 264. A thread that looks every millisecond misses what is held for less: 62 MB
    where it was 105.
    """

    def __enter__(self) -> PeakMemory:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # peak anew
        now = _resident()
        self._before = self._own = now["RssAnon"]
        self._shared = now["RssFile"] + now["RssShmem"]
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._watch_on, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watch.join()
        peak = self._look()["VmHWM"]
        self.grown = max(self._own, peak - self._shared) - self._before

    def _watch_on(self) -> None:
        while not self._is_over.wait(_SECONDS):
            self._look()

    def _look(self) -> dict[str, int]:
        now = _resident()
        self._own = max(self._own, now["RssAnon"])
        self._shared = max(self._shared, now["RssFile"] + now["RssShmem"])
        return now


def _resident() -> dict[str, int]:
    """Return the bytes of every kind of memory that the kernel tells of."""
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    words = (line.partition(":")[::2] for line in lines if line.endswith(" kB"))
    return {name: int(value.removesuffix("kB")) * 1024 for name, value in words}
