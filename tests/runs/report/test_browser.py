"""A report in a real browser: it shows all that it holds, and asks nobody for more."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from specimen_unet.runs.report import write_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
    # So that the page around the report may look into it, as both are files.
    "--allow-file-access-from-files",
)
# Stands around the report, as its own policy forbids every script in it.
AROUND = """<!DOCTYPE html><iframe src="report.html" width="900" height="3000"></iframe>
<pre></pre><script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const pictures = [...page.images];
  document.querySelector("pre").textContent = JSON.stringify({
    title: page.title,
    text: page.body.innerText,
    loaded: pictures.map(one => one.complete && one.naturalWidth),
    shown: pictures.map(one => one.getBoundingClientRect().width),
    width: page.documentElement.scrollWidth,
    rows: page.querySelectorAll("tbody tr").length,
  });
});
</script>"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the browser; where it must be there, its absence is a failure."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = "There is no Chromium to open the report in: apt-get install chromium."
        if os.environ.get("SPECIMEN_UNET_NEEDS_BROWSER"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture
def folder(make_content, tmp_path: Path) -> Path:
    """Return a folder with a report in it, and the page around it."""
    write_report(make_content(), tmp_path / "pages" / "report.html")
    (tmp_path / "pages" / "around.html").write_text(AROUND, "utf-8")
    return tmp_path


def visit(browser: str, folder: Path, page: str, *flags: str) -> tuple[str, list[str]]:
    """Open a page; return its document, and the addresses it asked the network for."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            browser,
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--virtual-time-budget=10000",
            *flags,
            (folder / "pages" / page).as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return done.stdout, asked(log)


def asked(log: Path) -> list[str]:
    """List what was asked for over the network by a page, and not by the browser."""
    events = json.loads(log.read_text("utf-8"))["events"]
    requests = (event.get("params", {}) for event in events)
    return [
        params["url"]
        for params in requests
        if re.match(r"(https?|wss?|ftp):", params.get("url", ""))
        and params.get("initiator", "not an origin") != "not an origin"
    ]


@pytest.fixture
def server() -> Iterator[str]:
    """Serve any path, and return the address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/picture.png"
        serving.shutdown()
        thread.join()


def test_a_browser_shows_all_of_it_and_asks_for_nothing(browser, folder):
    document, addresses = visit(browser, folder, "around.html", "--dump-dom")
    assert addresses == []
    told = re.search(r"<pre>(.*?)</pre>", document, re.DOTALL)
    seen = json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">")
                      .replace("&amp;", "&"))  # fmt: skip
    assert seen["title"] == "Tumours <of the breast>"
    for words in ("Read this first", "Worst case, 031", "Median case", "References"):
        assert words in seen["text"]
    assert len(seen["loaded"]) == 5
    assert min(seen["loaded"]) > 300
    assert min(seen["shown"]) > 200
    assert seen["width"] <= 900  # nothing sticks out
    assert seen["rows"] > 20


def test_it_looks_like_a_page_on_a_desk_and_on_a_phone(browser, folder):
    for width in (1000, 380):
        picture = folder / f"{width}.png"
        flags = (f"--window-size={width},4000", f"--screenshot={picture}")
        _, addresses = visit(browser, folder, "report.html", *flags)
        assert addresses == []
        gray = np.asarray(Image.open(picture).convert("L"))
        assert gray.shape == (4000, width)
        assert (gray[:60] < 100).any()  # the title
        assert 0.5 < (gray > 250).mean() < 0.98  # dark on light, and not empty
        # Pictures of cases are neither black nor white.
        assert (np.abs(gray.astype(int) - 128) < 60).mean() > 0.02


def test_a_request_would_be_noticed(browser, folder, server):
    page = folder / "pages" / "report.html"
    text = page.read_text("utf-8")
    policy = re.search(r"<meta http-equiv[^>]*>", text)[0]
    with_picture = text.replace("</body>", f'<img src="{server}"></body>')
    page.write_text(with_picture.replace(policy, ""), "utf-8")
    assert server in visit(browser, folder, "report.html", "--dump-dom")[1]
    # The policy keeps even such a page from asking.
    page.write_text(with_picture, "utf-8")
    assert visit(browser, folder, "report.html", "--dump-dom")[1] == []
