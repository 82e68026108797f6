from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.score_tables import summary_of
from specimen_unet.runs.report import write_report


class Reader(HTMLParser):
    """Collects the text, the tags and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data")
        ]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    assert reader.open == []
    return reader


def test_everything_is_in_one_file_that_fetches_nothing(make_content, tmp_path):
    path, *_ = write_report(make_content(), tmp_path / "report.html")
    text, page = path.read_text("utf-8"), read(path)
    assert "default-src 'none'; img-src data:" in text
    assert page.addresses
    assert all(a.startswith("data:image/png;base64,") for a in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "@import" not in text
    assert "url(" not in text


def test_the_worst_and_the_median_case_are_pictured_and_all_are_listed(
    make_content, tmp_path
):
    path, *_ = write_report(make_content(), tmp_path / "report.html")
    words = " ".join(read(path).words)
    assert "Worst case, 031: Dice 0" in words
    assert "Median case, 032: Dice" in words
    assert re.search(r"Slice 2: here the Dice is, against EA 0\.\d+, MG", words)
    places = [words.rindex(f" {name} ") for name in ("031", "032", "030", "033")]
    assert places == sorted(places)


def test_what_people_wrote_is_shown_and_not_obeyed(make_content, tmp_path):
    path, *_ = write_report(make_content(), tmp_path / "report.html")
    assert "Tumours <of the breast>" in read(path).words
    assert "<of the breast>" not in path.read_text("utf-8")


def test_the_tables_beside_it_hold_every_number(make_content, scores, tmp_path):
    _, *tables = write_report(make_content(), tmp_path / "deep" / "report.html")
    names = ["report-scores.csv", "report-summary.csv", "report-cases.csv"]
    assert [table.name for table in tables] == [*names, "report-sizes.csv"]
    assert len(pd.read_csv(tables[0])) == len(scores) == 4 * 3
    written, summary = pd.read_csv(tables[1]), summary_of(scores)
    assert written["mean"].tolist() == pytest.approx(summary["mean"].tolist(), rel=1e-5)
    assert pd.read_csv(tables[2], dtype=str)["case"].iloc[0] == "031"
    assert list(tmp_path.rglob(".*")) == []


def test_the_means_of_the_page_are_those_of_the_table(make_content, scores, tmp_path):
    path, *_ = write_report(make_content(), tmp_path / "report.html")
    row = summary_of(scores).query("first == 'model' and second == 'EA'").iloc[0]
    words = " ".join(read(path).words)
    assert f"model against EA {row['mean']:.3f} (95 % interval {row['low']:.3f} to" in (
        words
    )
    assert re.search(r"Williams' index 0\.\d\d \(95 % interval 0\.\d\d to", words)


def test_one_case_of_one_observer_without_image_or_model_is_reported(
    make_content, scores, views, tmp_path
):
    alone = scores.query("case == '030' and first == 'model' and second == 'EA'")
    content = make_content(scores=alone, models=(), view_of=None)
    path, *_ = write_report(content, tmp_path / "report.html")
    words = " ".join(read(path).words)
    assert "This is one case" in words
    assert "There is one observer" in words
    assert "Williams' index is the mean" in words  # its definition, no number
    assert "img" not in read(path).tags
    assert "nan" not in words.lower().split()


def test_nothing_to_report_is_told(make_content, tmp_path):
    with pytest.raises(NoAnnotationError, match="no scores to report"):
        write_report(make_content(scores=pd.DataFrame()), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_the_one_before(make_content, tmp_path):
    path, *_ = write_report(make_content(), tmp_path / "report.html")
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}

    def broken(case):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        write_report(make_content(view_of=broken), path)
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_slice_is_called_what_it_is_and_by_its_number_in_the_whole_case(
    make_content, views, tmp_path
):
    part = {
        name: replace(view, first_slice=10, slice_word="Image")
        for name, view in views.items()
    }
    content = make_content(view_of=part.__getitem__)
    path, *_ = write_report(content, tmp_path / "report.html")
    assert "Image 12: here the Dice is" in path.read_text("utf-8")
