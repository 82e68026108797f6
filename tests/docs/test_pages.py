"""The pages: every block of code runs as it is read, every link leads somewhere.

A block is run by its language: ``python`` as a script from the top of the page to its
end, ``console`` by what stands behind the prompt, ``sh`` and ``bash`` line by line.
``text`` is for what nobody types. A block in any other language fails.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from specimen_unet import cli
from specimen_unet.domain.advice import FOR_BACKBONE, FOR_LOSS, FOR_NETWORK
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari.components import ViewerModel

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = shlex.split("--ending steps --steps 2 --channels 4,8 --network UNet --batch 1")
STUDIES, SPREAD = "tests/runs/test_crossvalidation.py", "tests/runs/test_spread.py"
# What cannot run in a test, to the letter, and the file that does run it.
RUN_BY = {
    "python -m venv specimens": "tox.ini",
    "source specimens/bin/activate": "tox.ini",
    'python -m pip install ".[all]"': "tox.ini",
    "python -m pip install tox && tox run -e demo": "tox.ini",
    "python -m pip install tox && tox run -e py311": ".ci/run",
    "specimen-unet demo demo-output": "tests/runs/test_demo.py",
    "napari": "tools/take_pictures.py",
    "specimen-unet crossvalidate specimens --devices cuda:0 cuda:1": STUDIES,
    'python -m pip install "specimen-unet[distributed]"': "pyproject.toml",
    "dask scheduler": SPREAD,
    "dask worker tcp://head:8786 --nthreads 1": SPREAD,
    "specimen-unet crossvalidate specimens --scheduler tcp://head:8786": SPREAD,
    "specimen-unet segment volumes specimens-study --scheduler tcp://head:8786"
    " --out labels": "tests/runs/test_segment_files.py",
}
COMMANDS = ("console", "sh", "bash")
NO_CODE = ("text", "{toctree}", "{eval-rst}")

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}|:{3,})(?P<language>[^`\n]*)\n"
    r"(?P<code>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)

_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(?:#[^)]*)?\)")
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)


class Block(NamedTuple):
    """A block of code, its language, and the line of the page it begins in."""

    language: str
    code: str
    line: int


def blocks(page: Path, *languages: str) -> list[Block]:
    """List the blocks of these languages (of all, if none is named), in their order."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            fence["language"].strip(),
            textwrap.dedent(fence["code"]),
            text.count("\n", 0, fence.start("code")) + 1,
        )
        for fence in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def pages_with(*languages: str) -> list[Path]:
    """List the pages that hold such blocks."""
    return [page for page in PAGES if blocks(page, *languages)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_is_run_or_is_no_code(page: Path) -> None:
    known = ("python", *COMMANDS, *NO_CODE)
    assert [block for block in blocks(page) if block.language not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_line_of_a_fence_is_overlooked(page: Path) -> None:
    # A fence that is not closed, or is indented otherwise than its end, hides code.
    left = _FENCE.sub("", page.read_text(encoding="utf-8"))
    assert re.findall(r"^.*(?:```|~~~).*$", left, re.MULTILINE) == []


@pytest.mark.parametrize("page", pages_with("text"), ids=lambda page: page.stem)
def test_no_command_hides_in_text(page: Path) -> None:
    text = "".join(block.code for block in blocks(page, "text"))
    assert re.findall(r"^\s*(?:\$ |specimen-unet |import |from ).*$", text, re.M) == []


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.stem)
@pytest.mark.usefixtures("place", "quick")
def test_the_python_of_a_page_runs(page: Path, open_layers: ViewerModel) -> None:
    names: dict[str, Any] = {"viewer": open_layers, "__name__": page.stem}
    for block in blocks(page, "python"):
        # So that a traceback names the page and the line.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        exec(code, names)


@pytest.mark.parametrize("page", pages_with(*COMMANDS), ids=lambda page: page.stem)
@pytest.mark.usefixtures("place")
def test_the_commands_of_a_page_run(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in commands(page):
        if command in RUN_BY:
            continue
        program, *arguments = shlex.split(command)
        assert program == "specimen-unet", f"{page.name} shows {command!r}"
        status = run(arguments)
        told = capsys.readouterr()
        assert status == 0, f"{page.name}: {command}\n{told.out}{told.err}"


def test_what_is_run_elsewhere_is_on_a_page_and_is_run_there() -> None:
    shown = {command for page in PAGES for command in commands(page)}
    assert set(RUN_BY) - shown == set()
    assert [file for file in RUN_BY.values() if not (ROOT / file).exists()] == []


def commands(page: Path) -> Iterator[str]:
    """List what a page tells to type, without comments and what a job script opens."""
    for block in blocks(page, *COMMANDS):
        for line in block.code.splitlines():
            typed = re.sub(r"\s+#.*|^#.*", "", line)
            if block.language == "console":
                assert line.startswith("$ "), f"{page.name}: {line!r} has no prompt"
            if typed:
                yield typed.removeprefix("$ ")


def run(arguments: list[str]) -> int:
    """Run a command in this process, its trainings small; RUN is the newest run."""
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    is_known = "RUN" in arguments or StudyFolder.is_study(Path(arguments[-1]))
    if arguments[0] in ("train", "plan", "crossvalidate") and not is_known:
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
