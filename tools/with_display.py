"""Run a command with a display: the present one, or a virtual one (Xvfb).

    python tools/with_display.py python -m pytest

On Linux without a display, Xvfb and the libraries Qt needs are installed when
they are missing and this user may (root on Debian or Ubuntu); otherwise the
error names the one command to run. Nothing is skipped without a display.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library

PACKAGES = (
    "xvfb",
    "libgl1",
    "libgl1-mesa-dri",
    "libegl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "fonts-dejavu-core",
)
# What the packages above bring that Qt's xcb platform plugin links against.
LIBRARIES = ("GL", "EGL", "dbus-1", "fontconfig", "xkbcommon-x11", "xcb-cursor")

SCREEN = "1600x1000x24"


def has_display() -> bool:
    """Whether windows can be shown as things are."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def ensure_xvfb() -> None:
    """Install what a virtual display needs, or say how to."""
    if shutil.which("Xvfb") and all(map(find_library, LIBRARIES)):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        return
    sys.exit(
        "There is no display, and Xvfb or a library that Qt needs is missing. Run\n"
        f"    sudo apt-get install -y {' '.join(PACKAGES)}\n"
        "(or your system's equivalent) and try again."
    )


def start_xvfb() -> tuple[subprocess.Popen[bytes], str]:
    """Start Xvfb on a free display; return the process and the display's name."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(writer),
            "-screen",
            "0",
            SCREEN,
            "+extension",
            "GLX",
        ],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    if not number:
        sys.exit("Xvfb did not start: run `Xvfb :99` to see why.")
    return server, f":{number}"


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    if not command:
        sys.exit("usage: python tools/with_display.py COMMAND [ARGUMENTS]")
    if has_display():
        return subprocess.call(command)
    ensure_xvfb()
    server, display = start_xvfb()
    # Mesa draws in software here; `xcb` because Qt must not pick `offscreen`.
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "SPECIMEN_UNET_VIRTUAL_DISPLAY": "1",
    }
    try:
        return subprocess.call(command, env=environment)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
