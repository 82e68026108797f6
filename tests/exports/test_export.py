"""An export is there whole or not at all, and damages nothing."""

from __future__ import annotations

import importlib.util

import pytest

from specimen_unet.domain.errors import ExportError
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.exports import export
from specimen_unet.exports.export import export_model


def test_what_is_there_is_not_replaced(make_model, tmp_path):
    target = tmp_path / "thesis"
    target.mkdir()
    with pytest.raises(ExportError, match=r"thesis exists.*--force"):
        export_model(make_model(2), target, ExportSettings())
    assert not list(target.iterdir())


def test_an_earlier_export_is_replaced_when_asked(make_model, tmp_path):
    target = tmp_path / "export"
    export_model(make_model(2), target, ExportSettings())
    (target / "of the earlier one").touch()
    export_model(make_model(2), target, ExportSettings(force=True))
    assert (target / "models" / "model.ts").is_file()
    assert not (target / "of the earlier one").exists()
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_no_export_is_never_replaced(make_model, tmp_path):
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "README.md").write_text("my life's work")
    with pytest.raises(ExportError, match="no export of specimen-unet"):
        export_model(make_model(2), target, ExportSettings(force=True))
    assert (target / "README.md").read_text() == "my life's work"


def test_an_export_that_fails_leaves_the_earlier_one(make_model, tmp_path, monkeypatch):
    target = tmp_path / "export"
    export_model(make_model(2), target, ExportSettings())
    before = sorted(target.rglob("*"))

    def half_written(model, folder, settings) -> None:
        (folder / "model.ts").touch()
        raise OSError("No space left on device")

    monkeypatch.setitem(export.FORMATS, "monai-bundle", half_written)
    with pytest.raises(ExportError, match="No space left on device"):
        export_model(make_model(2), target, ExportSettings(force=True))
    assert sorted(target.rglob("*")) == before
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("to", ["onnx", "bioimage-io"])
def test_a_missing_package_is_told_with_what_to_install(
    to, make_model, tmp_path, monkeypatch
):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "onnxscript" else find_spec(name),
    )
    with pytest.raises(ExportError, match=r"onnxscript.*specimen-unet\[export\]"):
        export_model(make_model(2), tmp_path / "export", ExportSettings(to=to))
    assert not list(tmp_path.iterdir())


def test_no_file_names_a_specimen(model, exported):
    names = {*model.plan.split.training, *model.plan.split.validation}
    assert names == {"030", "031", "032"}
    for to in export.FORMATS:
        for path in exported(model, to).rglob("*"):
            if path.suffix in (".json", ".md", ".yaml"):
                words = path.read_text("utf-8").replace('"', " ").split()
                assert not names.intersection(words), path
