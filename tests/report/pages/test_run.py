import json

import numpy as np
import pytest
from msgspec.structs import replace

from eyebright.data.corrections import Correction, load
from eyebright.report.pages.run import MOST_IN_FULL, MOST_IN_MATRIX, by_weakness, cell_words, run_page

LARGE_PX, SMALL_PX = 224, 112  # as in `runs.gallery`
HOSTILE = "</script><script>alert(1)</script><b>"


def test_the_page_says_first_how_good_the_model_is_and_what_to_do(make_report, parsed) -> None:
    page = parsed(run_page(make_report("daisy", "rose", wrong=5)))
    assert page.select_one(".headline").text == "80.0%"
    assert "20 of 25" in page.select_one(".score .lead").text
    assert "95% interval 60.9% to 91.1%" in page.select_one(".score .quiet").text  # Wilson's for 20 of 25
    assert "Always answering the most common class gives 60.0%" in page.text
    verdict = page.select_one(".verdict")
    assert "Overfitting in a/b.jpg." in verdict.text
    assert verdict.select_one("pre").text == "eyebright train 'a/b.jpg' -o NEW"
    order = [heading.get("id") for heading in page.select("h2")]
    assert order == ["good-heading", "examples", "worst", "confusion", "classes", "trust", "robustness", "training",
                     "data", "inputs", "repeat", "images-title"]  # fmt: skip
    assert {link["href"][1:] for link in page.select("nav a")} <= {tag["id"] for tag in page.select("[id]")}


def test_a_part_that_is_missing_leaves_its_section_out(make_report, parsed) -> None:
    parts = ("verdicts", "facts", "commands", "right", "worst", "trusted", "training", "sets", "left_out",
             "duplicates", "inputs")  # fmt: skip
    none = dict.fromkeys(("robustness", "audit", "repeat", "settings"), "")
    report = make_report("daisy", "rose", **dict.fromkeys(parts, ()), **none, versions={})
    page = parsed(run_page(report._replace(wrong=(), test=replace(report.test, robustness=None))))
    assert [heading["id"] for heading in page.select("h2")] == [
        "good-heading", "confusion", "classes", "data", "repeat", "images-title",
    ]  # fmt: skip
    assert not page.select("figure, pre, .verdict, .facts")


def test_the_accuracy_on_corrupted_images_has_a_table_and_the_command_for_more(make_report, parsed) -> None:
    report = make_report("daisy", "rose")
    section = parsed(run_page(report)).select_one("#robustness").parent
    assert "Accuracy on 20 images of 22 with mild corruptions" in section.p.text
    cells = [[cell.text for cell in row.select("th, td")] for row in section.select("tbody tr")]
    assert cells == [
        ["none", "", "90.0%", "", ""],
        ["noise 2", "0.12 of the range", "50.0%", "-40.0", "-60.0 to -10.0"],
    ]
    assert section.select_one("pre").text == "eyebright report RUN --robustness"
    assert not parsed(run_page(report._replace(robustness=""))).select_one("#robustness").parent.select("pre")


def test_where_robustness_is_not_measured_the_page_has_the_command(make_report, parsed) -> None:
    report = make_report("daisy", "rose")
    report = report._replace(test=replace(report.test, robustness=None))
    section = parsed(run_page(report)).select_one("#robustness").parent
    assert "is not measured" in section.text and not section.select("table")
    assert section.select_one("pre").text == "eyebright report RUN --robustness"
    assert not parsed(run_page(report._replace(robustness=""))).select("#robustness")


def test_what_is_not_answered_is_reported_and_shown(make_report, parsed) -> None:
    report = make_report("daisy", "rose", answers=["An answer for 90.0% of them."])
    page = parsed(run_page(report._replace(unlike=report.right[:2])))
    assert page.select_one(".answers").text.split("\n")[2:3] == ["An answer for 90.0% of them."]
    heading = next(heading for heading in page.select("h3") if heading.text == "No answer")
    assert len(heading.find_next("ul").select("figure")) == 2


def test_names_of_classes_and_files_are_text(make_report, parsed) -> None:
    page = parsed(run_page(make_report(HOSTILE, f"{HOSTILE} two", file=HOSTILE)))
    assert len(page.select("script")) == 2 and not page.select("b")
    assert page.h1.text == f"images {HOSTILE}"
    data = json.loads(page.select_one("#shown").string)
    assert data["images"][0][3] == f"0{HOSTILE}"


def test_each_count_of_the_matrix_opens_its_images(make_report, parsed) -> None:
    page = parsed(run_page(make_report("daisy", "rose", wrong=5)))
    buttons = {button["data-cell"]: button for button in page.select(".matrix button")}
    assert {cell: button.text for cell, button in buttons.items()} == {"0-0": "10", "0-1": "5", "1-1": "10"}
    assert buttons["0-1"]["aria-label"] == "5 images of daisy predicted as rose"
    assert buttons["1-1"]["aria-label"] == "10 images of rose predicted correctly"
    assert [cell["class"] for cell in page.select(".matrix td[class]")] == [
        ["right", "s7"],
        ["wrong", "s4"],
        ["right", "s10"],
    ]
    data = json.loads(page.select_one("#shown").string)
    embedded = {image["id"] for image in page.select("defs image")}
    assert {cell: len(numbers) for cell, numbers in data["cells"].items()} == {"0-0": 3, "0-1": 3, "1-1": 3}
    assert {data["images"][number][0] for numbers in data["cells"].values() for number in numbers} <= embedded
    assert [pair.text for pair in page.select(".pair")] == ["5 daisy taken for rose"]


def test_every_image_that_is_shown_is_in_the_page_once(make_report, parsed) -> None:
    page = parsed(run_page(make_report("daisy", "rose")))
    embedded = [image["id"] for image in page.select("defs image")]
    assert len(embedded) == len(set(embedded)) > 0
    assert {use["href"][1:] for use in page.select("use")} <= set(embedded)


def test_a_page_with_hundreds_of_photographs_can_be_sent(make_report) -> None:
    """200 small images and 9 large ones with maps, as detailed as photographs of flowers: these take 4 and 11 kB."""
    stream, report = np.random.default_rng(0), make_report("daisy", "rose")
    for number in range(218):
        coarse = stream.integers(0, 256, (24, 24, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        photo = np.clip(coarse + stream.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
        report.album.add(("photo", number), photo, LARGE_PX if number < 18 else SMALL_PX)
    assert 800_000 < len(run_page(report).encode()) < 3_000_000


def test_labels_that_may_be_wrong_are_asked_about(make_report, parsed) -> None:
    report = make_report("daisy", "rose")
    (one, *_) = report.worst
    page = parsed(run_page(report._replace(suspected=[one._replace(name="x.jpg")], suspected_text="1 label of 90.")))
    heading = next(heading for heading in page.select("h3") if heading.text == "Labels that may be wrong")
    assert heading.find_next("p").text == "1 label of 90."
    asked = heading.find_next("ul").select_one("fieldset")
    assert (asked["data-name"], asked["data-label"], asked["data-suggested"]) == ("x.jpg", one.truth, one.predicted)
    assert "To find more wrong labels" in page.text
    assert "Labels that may be wrong" not in run_page(report)
    none = parsed(run_page(report._replace(suspected_text="None of 90.")))
    assert "None of 90." in none.text and "To find wrong labels" in none.text


def test_an_image_has_words_for_a_screen_reader(make_report, parsed) -> None:
    page = parsed(run_page(make_report("daisy", "rose")))
    assert page.select_one("#worst ~ .shots svg")["aria-label"] == "daisy, predicted as rose"
    for picture in page.select("svg.picture"):
        assert picture.get("aria-label") or picture.get("aria-hidden") == "true"


@pytest.mark.parametrize("count", [1, 7, MOST_IN_MATRIX, MOST_IN_MATRIX + 1])
def test_one_class_and_many_classes_have_a_page(make_report, parsed, count: int) -> None:
    names = [f"class {number}" for number in range(count)]
    page = parsed(run_page(make_report(*names)))
    assert bool(page.select(".matrix")) == (count <= MOST_IN_MATRIX)
    assert len(page.select(".classes > li")) == min(count, MOST_IN_FULL)
    assert bool(page.select(".pair")) == (count > 1)
    assert ("Nothing: all test images are predicted correctly." in page.text) == (count == 1)


def test_the_weakest_class_stands_first(make_report) -> None:
    test = make_report("a", "b", "c", wrong=9).test
    scores = [score.f1 for score in by_weakness(test)]
    assert scores == sorted(scores) and by_weakness(test)[-1].name == "b"


def test_a_single_image_is_counted_as_one() -> None:
    assert cell_words(1, "rose", "rose") == "1 image of rose predicted correctly"


# In Chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_the_page_opens_without_errors_and_requests_and_keeps_nobody_out(
    make_report, opened, barriers, scheme: str, width: int
) -> None:
    page = opened(
        run_page(make_report("daisy", "a class with a rather long name", "rose", file=HOSTILE)), width, scheme
    )
    for folded in page.query_selector_all("summary"):
        folded.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []
    page.click(".matrix button")
    assert barriers(page) == []


def test_a_matrix_of_many_classes_scrolls_by_itself_on_a_phone(make_report, opened) -> None:
    page = opened(run_page(make_report(*(f"class {number}" for number in range(MOST_IN_MATRIX)))), 320)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_count_opens_its_images_and_escape_closes_them(make_report, opened) -> None:
    page = opened(run_page(make_report("daisy", "rose", wrong=5, file=HOSTILE)))
    page.click(".pair")
    assert page.inner_text("#images h2") == "5 images of daisy predicted as rose"
    assert page.inner_text("#images-more") == "The first 3 of 5 images are in this page."
    assert page.locator("#images .file").all_inner_texts() == [f"{number}{HOSTILE}" for number in (10, 11, 12)]
    drawn = page.locator("#images use").first.bounding_box()
    assert drawn["width"] > 50 and drawn["height"] == pytest.approx(drawn["width"])
    page.keyboard.press("Escape")
    assert not page.is_visible("#images")
    assert page.evaluate("document.activeElement.className") == "pair"


def test_the_keyboard_moves_through_the_matrix_and_opens_a_cell(make_report, opened) -> None:
    page = opened(run_page(make_report("a", "b", "c", wrong=4)))

    def focused() -> str | None:
        return page.evaluate("document.activeElement.dataset.cell")

    page.focus(".pair")
    page.keyboard.press("Tab")  # the region that scrolls
    page.keyboard.press("Tab")
    places = [focused()]
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        places.append(focused())
    assert places == ["0-0", "0-2", "2-2", "0-2", "0-0", "0-0", "0-2"]
    page.keyboard.press("Tab")
    assert focused() is None  # the matrix is one stop of the tab key
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.inner_text("#images h2") == "4 images of a predicted as c"


def test_what_is_folded_is_printed(make_report, opened) -> None:
    page = opened(run_page(make_report("daisy", "rose")))
    count = page.locator("details").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == count > 1
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 1  # the images of each class, which are few


def test_the_labels_of_the_worst_mistakes_are_mended_for_the_next_training(make_report, opened, tmp_path) -> None:
    """The predicted class is chosen already; what was decided before the training stays in the file."""
    before = Correction(name="old.jpg", decision="exclude", digest="ab")
    report = make_report("daisy", "rose", file=HOSTILE, decided=(before,))
    page = opened(run_page(report._replace(worst=[shot._replace(digest="cd") for shot in report.worst])))
    page.get_by_role("group", name=f"Decision about 10{HOSTILE}").get_by_label("Relabel").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections.json").click()
    download.value.save_as(tmp_path / "corrections.json")
    found = Correction(name=f"10{HOSTILE}", decision="relabel", new_label="rose", label="daisy", digest="cd")
    assert load(tmp_path / "corrections.json").corrections == (before, found)
