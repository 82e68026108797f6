"""The terminal: files in, files out, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from specimen_unet.cli import main
from specimen_unet.domain.events import StepDone
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import (
    read_image,
    read_labels,
    write_image,
    write_labels,
)
from specimen_unet.files.library import library_folder, models, read_card
from specimen_unet.files.zarr_writing import write_zarr
from specimen_unet.runs.folder import RunFolder, runs_folder
from specimen_unet.runs.terminal import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case

SMALL = ["--channels=4,8", "--batch=2", "--residual-units=0", "--device=cpu"]


@pytest.fixture
def folder(tmp_path: Path, two_observer_cases: list[Case]) -> Path:
    """Return a folder of four small cases, in 2D and in 3D, that two observers drew."""
    for case in two_observer_cases:
        stem = case.name.replace(" ", "-")
        write_image(tmp_path / "cases" / f"{stem}.tif", case.image[0], case.grid)
        for observer, labels in case.labels.items():
            path = tmp_path / "cases" / f"{stem}_{observer}.tif"
            write_labels(path, labels, case.grid)
    return tmp_path / "cases"


@pytest.fixture
def small(two_observer_cases: list[Case]) -> list[str]:
    """Return the options of a training that takes a second."""
    dimensions = two_observer_cases[0].grid.dimensions
    patch = "16,16" if dimensions == 2 else "8,16,16"
    return [*SMALL, "--dimensions", str(dimensions), "--patch", patch]


@pytest.fixture
def answered(capsys) -> Callable[..., object]:
    """Run a command with --json and read what it prints."""

    def run(*arguments: object, status: int = 0) -> object:
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


def test_the_whole_way(folder, small, answered, tmp_path, capsys):
    plan = answered("plan", folder, *small, "--steps", "30")
    assert plan["steps"] == 30
    assert plan["channels"] == [4, 8]

    trained = answered(
        *("train", folder, *small, "--steps", "30", "--learning-rate", "0.02"),
        *("--out", tmp_path / "runs", "--name", "blobs"),
    )
    run = RunFolder.open(tmp_path / "runs" / os.path.basename(trained["run"]))
    assert run.name.startswith("blobs_")
    assert trained["stopped_early"] is False
    assert (
        trained["metrics"]["mean_dice"] == read_card(run.model_path).metrics.mean_dice
    )
    assert [str(path) for path in models()] == [trained["model"]]

    out = tmp_path / "labels"
    written = answered("segment", folder, trained["model"], "--out", out)["written"]
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"blob-{number}.tif" for number in range(4)),
        "segmented.jsonl",
    ]
    assert len(written) == 4
    image, grid = read_image(folder / "blob-0.tif")
    labels, labels_grid = read_labels(out / "blob-0.tif")
    assert labels.shape == image.shape
    assert labels_grid == grid

    scores = answered("compare", out, folder)["scores"]
    assert len(scores) == 4 * 3
    assert min(row["dice"] for row in scores if row["second"] == "EA") > 0.5

    assert answered("info", trained["model"])["name"] == run.name
    about = answered("info", run.path)
    assert about["is_finished"]
    assert about["steps_done"] == 30
    assert [case["case"] for case in answered("info", folder)] == [
        f"blob-{number}" for number in range(4)
    ]

    assert main(["train", str(run.path)]) == 1
    assert "is finished" in capsys.readouterr().err
    assert answered("train", run.path, "--resume")["model"] == trained["model"]


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_a_run_that_has_ended_is_prolonged_and_its_first_model_stays(
    folder, small, answered, capsys
):
    trained = answered("train", folder, *small, "--steps", "3")
    first = Path(trained["model"]).read_bytes()
    longer = answered("train", trained["run"], "--resume", "--more-minutes", "0.05")
    assert longer["run"] == trained["run"]
    assert longer["model"] != trained["model"]
    assert Path(trained["model"]).read_bytes() == first
    assert read_card(Path(longer["model"])).steps_done > 3
    assert answered("info", trained["run"])["is_finished"]
    assert main(["train", trained["run"], "--more-minutes", "0"]) == 1
    assert "more than 0 minutes" in capsys.readouterr().err
    assert answered("info", trained["run"])["is_finished"]


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_answers_are_readable_without_json(folder, small, tmp_path, capsys):
    assert main(["plan", str(folder), *small]) == 0
    assert "D FastUNet on" in capsys.readouterr().out
    arguments = ["train", str(folder), *small, "--steps", "3"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Model: " in out
    assert "Dice on held-out labels: " in out
    (run,) = runs_folder().iterdir()
    (model,) = library_folder().iterdir()
    for path, word in (
        (run, "finished after 3 steps"),
        (model, "EA, MG"),
        (folder, "mm"),
    ):
        assert main(["info", str(path)]) == 0
        assert word in capsys.readouterr().out


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_a_model_can_be_learnt_on_from(folder, small, answered):
    first = answered("train", folder, *small, "--steps", "3")
    more = answered(
        "train", folder, *small, "--steps", "3", "--start-from", first["model"]
    )
    assert read_card(more["model"]).parent == read_card(first["model"]).name


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_a_model_for_other_images_leaves_no_run_behind(folder, small, answered, capsys):
    first = answered("train", folder, *small, "--steps", "3")
    runs = set(runs_folder().iterdir())
    options = [*small, "--steps", "3", "--channels", "4,16"]
    assert main(["train", str(folder), *options, "--start-from", first["model"]]) == 1
    assert "specimen-unet: " in capsys.readouterr().err
    assert set(runs_folder().iterdir()) == runs


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_bad_files_do_not_keep_the_others_waiting(folder, small, answered, tmp_path):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    images = tmp_path / "images"
    images.mkdir()
    (images / "a-broken.tif").write_bytes(b"no image")
    write_image(images / "b.tif", *read_image(folder / "blob-0.tif"))
    image, grid = read_image(folder / "blob-0.tif")
    write_image(images / "constant.tif", np.zeros_like(image), grid)
    answer = answered("segment", images, model, "--out", tmp_path / "out", status=3)
    assert [os.path.basename(name) for name in answer["failed"]] == [
        "a-broken.tif",
        "constant.tif",
    ]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "b.tif",
        "segmented.jsonl",
    }

    (images / "b.tif").unlink()
    answer = answered("segment", images, model, "--out", tmp_path / "none", status=1)
    assert answer["written"] == {}


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_images_of_one_name_do_not_share_their_labels(
    folder, small, answered, tmp_path
):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    image, grid = read_image(folder / "blob-0.tif")
    for name in ("a.tif", "a.nii.gz", "b.tif"):
        write_image(tmp_path / "images" / name, image, grid)
    out = tmp_path / "out"
    written = answered("segment", tmp_path / "images", model, "--out", out)["written"]
    assert len(set(written.values())) == 3
    assert {path.name for path in out.iterdir()} >= {"b.tif", "a-tif.tif"}


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_probabilities_are_written_beside_the_labels(folder, small, answered, tmp_path):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    answered(
        *("segment", folder / "blob-0.tif", model, "--out", tmp_path / "out"),
        "--probabilities",
    )
    probabilities, _ = read_image(tmp_path / "out" / "blob-0_probabilities.tif")
    labels, _ = read_labels(tmp_path / "out" / "blob-0.tif")
    assert probabilities.shape == (2, *labels.shape)
    np.testing.assert_array_equal(probabilities.argmax(axis=0), labels)


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("plan MISSING", "MISSING"),
        ("train MISSING", "MISSING"),
        ("train MISSING --resume", "not a run"),
        ("segment FOLDER MISSING --out OUT", "MISSING"),
        ("segment MISSING FOLDER/blob-0.tif --out OUT", "There is no file or folder"),
        ("segment FOLDER FOLDER/blob-0.tif --out OUT", "no model file"),
        ("compare MISSING FOLDER", "MISSING"),
        ("info MISSING", "MISSING"),
        ("info FOLDER/blob-0.tif", "no model file"),
        ("plan FOLDER --dimensions 3", "3D"),
        ("plan FOLDER --device cuda:7", "cuda:7"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(
    folder, tmp_path, capsys, arguments, said
):
    text = arguments.replace("MISSING", str(tmp_path / "MISSING"))
    text = text.replace("FOLDER", str(folder)).replace("OUT", str(tmp_path / "out"))
    assert main(text.split()) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert not runs_folder().exists() or not list(runs_folder().iterdir())


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_labels_never_replace_their_images(folder, small, answered, capsys):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["segment", str(folder), model, "--out", str(folder)]) == 1
    assert "another folder" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_a_run_keeps_its_settings(folder, small, answered, capsys):
    run = answered("train", folder, *small, "--steps", "3")["run"]
    for option in (["--minutes", "5"], ["--answer", "stack=channels"]):
        assert main(["train", run, "--resume", *option]) == 1
        assert "keeps the settings" in capsys.readouterr().err
    assert main(["plan", run, "--layout", "names"]) == 1
    assert "keeps the settings" in capsys.readouterr().err


@pytest.fixture
def pictures(tmp_path: Path, make_blob_case: Callable[..., Case]) -> Path:
    """Return a folder of three patients' pictures, which say nothing of spacing."""
    folder = tmp_path / "pictures"
    for seed in range(6):
        case = make_blob_case((32, 32), seed=seed)
        pixels = np.clip(case.image[0] / case.image[0].max() * 255, 0, 255)
        for name, values in (
            (f"p{seed // 2}x{seed}.tif", pixels.astype(np.uint8)),
            (f"p{seed // 2}x{seed}_mask.tif", case.labels["EA"]),
        ):
            folder.mkdir(exist_ok=True)
            tifffile.imwrite(folder / name, values, metadata=None)
    return folder


SAID = ["--answer", "spacing=0.5 0.25 mm", "--group-pattern", r"p(\d)"]


def test_planning_and_training_heed_what_is_said_of_a_folder(pictures, answered):
    small = [*SMALL, "--dimensions", "2", "--patch", "16,16", "--steps", "3"]
    plan = answered("plan", pictures, *small, *SAID)
    assert (plan["unit"], plan["fingerprint"]["spacings"][0]) == ("mm", [0.5, 0.25])
    trained = answered("train", pictures, *small, *SAID)
    cases = RunFolder.open(trained["run"]).cases()
    assert {case.group for case in cases} == {"0", "1", "2"}
    assert {case.grid.unit for case in cases} == {"mm"}


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_segmenting_heeds_what_is_said_of_a_folder(
    folder, small, answered, tmp_path, pictures
):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    store = tmp_path / "stores" / "a.ome.zarr"
    image, grid = read_image(folder / "blob-0.tif")
    write_zarr(store, np.tile(image, (33, 1)), grid)
    out = tmp_path / "out"
    answered("segment", store.parent, model, "--out", out, "--level", "1")
    labels, labels_grid = read_labels(out / "a.ome.zarr")
    assert labels.shape == (33 * 16, 16)
    assert labels_grid.spacing == tuple(2 * step for step in grid.spacing)
    answer = ("--answer", "spacing=0.5 0.5 mm")
    written = answered("segment", pictures, model, "--out", out, *answer)["written"]
    assert len(written) == 6
    assert read_labels(out / "p0x0.tif")[1] == Grid((0.5, 0.5), "mm")


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_channels_and_names_of_a_data_set_reach_model_labels_and_scores(
    tmp_path, make_blob_case, small, answered
):
    for seed in range(3):
        case = make_blob_case((32, 32), seed=seed, channels=2)
        for number, channel in enumerate(case.image):
            name = f"blob{seed}_{number:04d}.tif"
            write_image(tmp_path / "raw" / "imagesTr" / name, channel, case.grid)
        path = tmp_path / "raw" / "labelsTr" / f"blob{seed}.tif"
        write_labels(path, case.labels["EA"], case.grid)
    raw, out = tmp_path / "raw", tmp_path / "out"
    names = {"labels": {"background": 0, "blob": 1}, "channel_names": {"0": "T1"}}
    names["channel_names"]["1"] = "T2"
    (raw / "dataset.json").write_text(json.dumps(names))
    model = answered("train", raw, *small, "--steps", "3")["model"]
    card = read_card(model)
    assert card.plan.label_names == ("background", "blob")
    assert card.channel_names == ("T1", "T2")
    answered("segment", raw, model, "--out", out)
    assert {path.name for path in out.glob("*.tif")} == {
        f"blob{n}.tif" for n in range(3)
    }
    scores = answered("compare", out, raw)["scores"]
    assert {row["name"] for row in scores} == {"blob"}


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_labels_of_an_earlier_run_are_not_segmented(folder, small, answered):
    model = answered("train", folder, *small, "--steps", "3")["model"]
    out = folder / "predicted"
    first = answered("segment", folder, model, "--out", out)["written"]
    assert answered("segment", folder, model, "--out", out)["written"] == first


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["train"],
        ["train", "x", "--minutes", "0"],
        ["train", "x", "--network", "VNet"],
        ["segment", "a", "b"],
        ["compare", "a", "b", "--tolerance", "-1"],
        ["compare", "a", "b", "--tolerance", "inf"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_and_version_come_without_the_heavy_libraries():
    program = (
        "import sys; from specimen_unet.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'monai', 'napari', 'qtpy') if m in sys.modules])"
    )
    for words in (["--help"], ["--version"], ["compare", "--help"]):
        out = subprocess.check_output(
            [sys.executable, "-c", program, *words], text=True
        )
        assert out.endswith("[]\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_ctrl_c_stops_and_keeps_the_model(folder, small, tmp_path):
    command = [sys.executable, "-m", "specimen_unet", "train", str(folder), *small]
    process = subprocess.Popen(
        [*command, "--steps", "100000", "--out", str(tmp_path / "runs"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    run = _begun(tmp_path / "runs", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    answer = json.loads(out)
    assert answer["run"] == str(run.path)
    assert answer["stopped_early"]
    assert read_card(answer["model"]).steps_done < 100_000


@pytest.mark.parametrize("spatial", [(32, 32)], indirect=True)
def test_ctrl_c_twice_leaves_a_run_that_goes_on(folder, small, answered, monkeypatch):
    def leave(_: ProgressBar, event: object) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ProgressBar, "show", leave)
        left = answered("train", folder, *small, "--steps", "20", status=130)
    run = RunFolder.open(left["run"])
    assert left["model"] is None
    assert left["resume"] == f"specimen-unet train '{run.path}' --resume"
    assert run.has_checkpoint
    assert not run.is_finished
    assert "7 steps; goes on" in answered("info", run.path)["state"]
    answered("train", run.path, "--resume")
    steps = [event.step for event in run.events() if isinstance(event, StepDone)]
    assert steps == list(range(1, 21))


def _begun(runs: Path, process: subprocess.Popen[str]) -> RunFolder:
    """Wait until a run has made its first steps."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        for path in runs.glob("[!.]*"):
            run = RunFolder.open(path)
            if any(isinstance(event, StepDone) for event in run.events()):
                return run
        time.sleep(0.05)
    raise AssertionError("the training did not begin")
