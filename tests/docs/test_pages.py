"""The pages: every block of code runs as it is read, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from specimen_unet import cli
from specimen_unet.domain.advice import FOR_BACKBONE, FOR_LOSS, FOR_NETWORK
from specimen_unet.runs.folder import runs_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari.components import ViewerModel

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = shlex.split("--ending steps --steps 2 --channels 4,8 --network UNet --batch 1")
# Run by somebody else: pip and python by tox, the viewer by tools/take_pictures.py,
# tox by .ci/run, and what takes minutes by a test of its own.
NOT_HERE = ("python -m ", "python tools/", "tox ", "napari", "source ", "git ")
OWN_TEST = {"specimen-unet demo demo-output": "tests/runs/test_demo.py"}

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(?:#[^)]*)?\)")
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)


class Block(NamedTuple):
    """A block of code, and the line of the page it begins in."""

    code: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    """List the blocks of one language, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[2], text.count("\n", 0, found.start(2)) + 1)
        for found in _FENCE.finditer(text)
        if found[1] == language
    ]


def pages_with(language: str) -> list[Path]:
    """List the pages that hold such blocks."""
    return [page for page in PAGES if blocks(page, language)]


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.stem)
@pytest.mark.usefixtures("place", "quick")
def test_the_python_of_a_page_runs(page: Path, open_layers: ViewerModel) -> None:
    names: dict[str, Any] = {"viewer": open_layers, "__name__": page.stem}
    for block in blocks(page, "python"):
        # So that a traceback names the page and the line.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        exec(code, names)


@pytest.mark.parametrize("page", pages_with("console"), ids=lambda page: page.stem)
@pytest.mark.usefixtures("place")
def test_the_commands_of_a_page_run(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in commands(page):
        if command.startswith(NOT_HERE):
            continue
        if command in OWN_TEST:
            assert (ROOT / OWN_TEST[command]).exists()
            continue
        program, *arguments = shlex.split(command, comments=True)
        assert program == "specimen-unet", f"{page.name} shows {command!r}"
        status = run(arguments)
        told = capsys.readouterr()
        assert status == 0, f"{page.name}: {command}\n{told.out}{told.err}"


def test_there_is_something_to_run() -> None:
    assert sum(len(blocks(page, "python")) for page in PAGES) > 10
    assert sum(len(list(commands(page))) for page in PAGES) > 10


def commands(page: Path) -> Iterator[str]:
    """List what a page tells to type after the prompt."""
    for block in blocks(page, "console"):
        for line in block.code.splitlines():
            if line.startswith("$ "):
                yield line.removeprefix("$ ")


def run(arguments: list[str]) -> int:
    """Run a command in this process, its trainings small; RUN is the newest run."""
    if arguments[0] in ("train", "plan") and "RUN" not in arguments:
        arguments = [*arguments, *SMALL]
    arguments = [newest_run() if word == "RUN" else word for word in arguments]
    try:
        return cli.main(arguments)
    except SystemExit as end:  # --version, and what argparse refuses
        return int(end.code or 0)


def newest_run() -> str:
    """Return the run that was begun last, wherever the page put it."""
    runs = [*Path("runs").glob("*"), *runs_folder().glob("*")]
    return str(max(runs, key=lambda run: run.stat().st_mtime))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    shown = _HIDDEN.sub("", page.read_text(encoding="utf-8"))
    linked = _LINK.findall(shown)
    assert [link for link in linked if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("advice", [FOR_NETWORK, FOR_BACKBONE, FOR_LOSS])
def test_the_page_on_plans_gives_the_advice_of_the_form(
    advice: Mapping[Any, str],
) -> None:
    page = (ROOT / "docs" / "which-plan.md").read_text(encoding="utf-8")
    rows = ["| `{}` | {} |".format(*row) for row in advice.items()]
    assert [row for row in rows if row not in page] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    pages = {page.stem for page in PAGES} - {"README", "index"}
    assert pages - listed == set()


def test_every_picture_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = (ROOT / "docs" / "images").glob("*.png")
    assert [path.name for path in pictures if f"images/{path.name}" not in text] == []
