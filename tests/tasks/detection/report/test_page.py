import numpy as np
import pytest

from eyebright.report.pages.about import AboutRun, ShownVerdict
from eyebright.report.pages.page import Album
from eyebright.tasks.detection.report.curves import recall_chart
from eyebright.tasks.detection.report.mistakes import find_mistakes, marked, pictures_of
from eyebright.tasks.detection.report.page import EXAMPLE_PX, MISTAKE_PX, DetectorReport, detector_page, scene_of
from eyebright.tasks.detection.trust.matching import match
from eyebright.tasks.detection.trust.metrics import evaluate

HOSTILE = "</script><script>alert(1)</script><b>"


@pytest.fixture
def make_report(known_mistakes):
    """A report of two images with known mistakes; the classes and files have the given name."""

    def make(name: str = "red", **parts: object) -> DetectorReport:
        classes, album, stream = [name, f"{name} two"], Album(), np.random.default_rng(0)
        found, truth = known_mistakes
        pixels = stream.integers(0, 256, (2, 300, 400, 3), np.uint8)
        mistakes = find_mistakes(found, truth)
        pictures = pictures_of(mistakes, lambda image: pixels[image], [name] * 2, classes)
        about = {
            "verdicts": [
                ShownVerdict("small objects", f"Small objects of {name} are missed.", "Try:", ("eyebright train A",))
            ],
            "facts": [("Network", name)], "commands": [("To predict:", "eyebright predict RUN IMAGES")],
            "data": ["2 images."], "sets": [(name, 1, 2, 3)], "settings": f"# {name}",
            "repeat": "eyebright train --config RUN/config.toml", "repeat_text": "Again:", "versions": {"python": "3"},
        }  # fmt: skip
        about |= {name: parts.pop(name) for name in AboutRun._fields if name in parts}
        whole = {
            "examples": [
                scene_of(album, at, marked(pixels[at], found[at], truth[at], classes), name, "", EXAMPLE_PX)
                for at in range(2)
            ],
            "mistakes": [("missed", [
                scene_of(album, ("mistake", at), picture, name, mistakes[at].words(classes), MISTAKE_PX)
                for at, picture in enumerate(pictures)
            ])],
            "charts": [recall_chart(match(found, truth), 0.5, 0.4)], "unused": [("it lies outside the image", 2)],
            "unused_boxes": [(name, "outside", "0 0 5 5")],
        }  # fmt: skip
        test = evaluate(found, truth, classes, np.array([0.5, 0.5]))
        return DetectorReport(AboutRun(f"lights {name}", "1 May 2026", **about), test, album, **whole | parts)

    return make


def test_the_page_says_first_how_good_the_detector_is_and_what_to_do(make_report, parsed) -> None:
    """Class red: one of two found before a wrong one: 51 of 101 recalls; green: one of three, 34 of 101."""
    page = parsed(detector_page(make_report()))
    assert page.select_one(".headline").text == f"{100 * (51 + 34) / 2 / 101:.1f}% mAP50"
    assert page.select_one(".verdict .said-first").text == "Small objects of red are missed."
    assert page.select_one(".verdict pre").text == "eyebright train A"
    order = [heading["id"] for heading in page.select("h2")]
    assert order == ["good-heading", "examples", "mistakes", "classes", "trust", "data", "repeat"]
    assert {link["href"][1:] for link in page.select("nav a")} <= {tag["id"] for tag in page.select("[id]")}


def test_boxes_are_drawn_where_they_are_and_reported_to_a_screen_reader(make_report, parsed) -> None:
    page = parsed(detector_page(make_report()))
    first = page.select_one("#examples ~ .shots svg.picture")
    boxes = [(box["class"][1], box.title.text) for box in first.select("g.box")]
    assert boxes == [
        ("right", "right red 90%"), ("wrong", "wrong red 80%"), ("wrong", "wrong red two 70%"),
        ("right", "right red 60%"), ("missed", "missed red two"),
    ]  # fmt: skip
    second = first.select("rect.line")[1]  # x1 y1 x2 y2 = 20 0 30 10 of a picture of 400 pixels
    assert [float(second[side]) for side in ("x", "y", "width", "height")] == [20, 0, 10, 10]
    assert "right red 90%" in first["aria-label"]


def test_the_weakest_class_stands_first(make_report, parsed) -> None:
    rows = parsed(detector_page(make_report())).select("#classes ~ .scroll tbody th")
    assert [row.text for row in rows] == ["red two", "red"]


def test_a_part_that_is_missing_leaves_its_section_out(make_report, parsed) -> None:
    parts = ("verdicts", "facts", "commands", "examples", "mistakes", "charts", "data", "sets", "unused")
    page = parsed(detector_page(make_report(**dict.fromkeys(parts, ()), settings="", repeat="", versions={})))
    assert [heading["id"] for heading in page.select("h2")] == ["good-heading", "classes", "data", "repeat"]
    assert not page.select("figure, pre, .facts")


def test_boxes_that_are_not_used_are_counted_by_their_reason(make_report, parsed) -> None:
    page = parsed(detector_page(make_report()))
    assert "2: it lies outside the image" in page.text
    assert page.select_one("details:last-of-type summary") and "The first 1" in page.text


def test_names_of_classes_and_files_are_text(make_report, parsed) -> None:
    page = parsed(detector_page(make_report(HOSTILE)))
    assert len(page.select("script")) == 1 and not page.select("b")


def test_a_page_of_photographs_can_be_sent(make_report) -> None:
    """8 whole images and 60 parts, as detailed as photographs."""
    report, stream = make_report(), np.random.default_rng(0)
    for number in range(68):
        coarse = stream.integers(0, 256, (24, 32, 3), np.uint8).repeat(20, axis=0).repeat(20, axis=1)
        photo = np.clip(coarse + stream.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
        report.album.add(("photo", number), photo, EXAMPLE_PX if number < 8 else MISTAKE_PX)
    assert 400_000 < len(detector_page(report).encode()) < 3_000_000


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1440, "light")])
def test_the_page_opens_without_errors_and_keeps_nobody_out(make_report, opened, barriers, width, scheme) -> None:
    page = opened(detector_page(make_report(HOSTILE)), width, scheme)
    for folded in page.query_selector_all("summary"):
        folded.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []
