"""The controls of a page in headless Chromium, opened as a file; what they save is read by data.corrections."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from eyebright.data.audit.findings import Audit, Finding
from eyebright.data.corrections import Correction, Corrections, load
from eyebright.report.pages.audit import audit_page
from eyebright.report.pages.review import Review

HOSTILE = "</script><script>alert(1)</script>\"'&.jpg"
CLASSES = ("daisy", "rose", "<i>tulip", " spaced  name ")


def suspect(name: str, label: str, suggested: str = "") -> Finding:
    return Finding(
        kind="probably mislabelled",
        pictures=(name,),
        classes=(label,),
        figure=0.01,
        sentence="why",
        suggested=suggested,
    )


AUDIT = Audit(
    origin="flowers", pictures=9, classes=dict.fromkeys(CLASSES, 3),
    findings=(
        Finding(
            kind="near-duplicates", pictures=("rose/1.jpg", "rose/2.jpg"), classes=("rose", "rose"), figure=1,
            sentence="alike",
        ),
        suspect("rose/1.jpg", "rose", "daisy"),
        suspect(HOSTILE, "daisy", "<i>tulip"),
        suspect("rose/3.jpg", "rose"),
    ),
)  # fmt: skip


def digest(name: str) -> str:
    return f"{len(name):032x}"


def html(decided: tuple[Correction, ...] = (), *, saves: bool = False) -> str:
    def opened(name: str) -> np.ndarray:
        return np.full((60, 80, 3), 40 * len(name) % 256, np.uint8)

    return audit_page(AUDIT, 0.1, opened, digest_of=digest, decided=decided, saves=saves)


@pytest.fixture
def page(visit, tmp_path) -> Callable:
    """Opens the page from a file."""

    def page(*decided: Correction, **options: object):
        (tmp_path / "audit.html").write_text(html(decided))
        return visit((tmp_path / "audit.html").as_uri(), **options)

    return page


def controls(page, name: str, number: int = 0):
    """The controls of an image, by what a screen reader says."""
    return page.get_by_role("group", name=f"Decision about {name}", exact=True).nth(number)


def downloaded(page, path: Path) -> Corrections:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections.json").click()
    assert download.value.suggested_filename == "corrections.json"
    download.value.save_as(path)
    return load(path)


def correction(name: str, decision: str, label: str, new_label: str = "") -> Correction:
    return Correction(name=name, decision=decision, new_label=new_label, label=label, digest=digest(name))


def test_decisions_are_counted_and_downloaded_as_a_corrections_file(page, tmp_path):
    opened = page()
    assert opened.get_by_role("status").inner_text().startswith("0 of 4 images decided")
    assert opened.get_by_role("button", name="Download").is_disabled()
    controls(opened, "rose/1.jpg").get_by_label("Relabel").check()  # the suggested class is chosen
    controls(opened, "rose/2.jpg").get_by_label("Exclude").check()
    controls(opened, HOSTILE).get_by_label("Keep").check()
    text = "3 of 4 images decided: 1 kept, 1 relabelled, 1 excluded."
    assert opened.get_by_role("status").inner_text() == text
    assert downloaded(opened, tmp_path / "corrections.json") == Corrections(
        origin="flowers",
        corrections=(
            correction("rose/1.jpg", "relabel", "rose", "daisy"),
            correction("rose/2.jpg", "exclude", "rose"),
            correction(HOSTILE, "keep", "daisy"),
        ),
    )  # fmt: skip


def test_a_class_is_chosen_from_those_of_the_data_and_counts_when_it_is(page, tmp_path):
    opened = page()
    group = controls(opened, "rose/3.jpg")
    assert not group.get_by_role("combobox").is_visible()
    group.get_by_label("Relabel").check()  # nothing is suggested
    select = group.get_by_role("combobox", name="New class of rose/3.jpg")
    assert select.locator("option").all_inner_texts() == ["choose a class", "daisy", "<i>tulip", " spaced  name "]
    assert opened.get_by_role("status").inner_text().endswith("0 relabelled, 0 excluded; 1 without a class yet.")
    assert not downloaded(opened, tmp_path / "none.json").corrections
    select.select_option(" spaced  name ")
    (one,) = downloaded(opened, tmp_path / "one.json").corrections
    assert (one.decision, one.new_label) == ("relabel", " spaced  name ")


def test_the_count_stays_in_sight_from_the_first_decision_on(page):
    opened = page(viewport={"width": 320, "height": 400})
    bar = opened.get_by_role("complementary", name="Corrections")
    assert bar.bounding_box()["y"] > 400  # at the end of the page
    controls(opened, "rose/1.jpg").get_by_label("Keep").check()
    opened.evaluate("scrollTo(0, 0)")
    assert bar.bounding_box()["y"] < 400


def test_an_image_that_is_shown_twice_has_one_decision(page):
    opened = page()
    controls(opened, "rose/1.jpg", 1).get_by_label("Exclude").check()
    assert controls(opened, "rose/1.jpg", 0).get_by_label("Exclude").is_checked()
    assert not controls(opened, "rose/2.jpg").get_by_label("Exclude").is_checked()
    controls(opened, "rose/1.jpg", 0).get_by_role("button", name="Undo").click()
    assert not controls(opened, "rose/1.jpg", 1).get_by_label("Exclude").is_checked()
    assert opened.get_by_role("status").inner_text().startswith("0 of 4")


def test_decisions_survive_a_reload_and_are_all_undone_at_once(page):
    opened = page()
    controls(opened, "rose/1.jpg").get_by_label("Relabel").check()
    controls(opened, HOSTILE).get_by_label("Exclude").check()
    opened.reload()
    assert controls(opened, HOSTILE).get_by_label("Exclude").is_checked()
    assert controls(opened, "rose/1.jpg").get_by_role("combobox").input_value() == "daisy"
    opened.on("dialog", lambda dialog: dialog.accept())
    opened.get_by_role("button", name="Undo all").click()
    opened.reload()
    assert opened.get_by_role("status").inner_text().startswith("0 of 4")


def test_a_browser_that_remembers_nothing_can_still_download(page, tmp_path):
    opened = page()
    opened.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } })")
    opened.reload()
    controls(opened, "rose/2.jpg").get_by_label("Keep").check()
    assert len(downloaded(opened, tmp_path / "corrections.json").corrections) == 1


def test_what_was_decided_before_is_shown_and_stays_in_the_file(page, tmp_path):
    """Also what the page does not show, since an audit with corrections reports it no more."""
    elsewhere = Correction(name=HOSTILE[::-1], decision="relabel", new_label="rose", label="daisy", digest="ab")
    opened = page(elsewhere, Correction(name="rose/2.jpg", decision="exclude", digest=digest("rose/2.jpg")))
    assert controls(opened, "rose/2.jpg").get_by_label("Exclude").is_checked()
    controls(opened, "rose/2.jpg").get_by_label("Keep").check()
    first, second = downloaded(opened, tmp_path / "corrections.json").corrections
    assert first == elsewhere and (second.name, second.decision) == ("rose/2.jpg", "keep")


def test_the_keyboard_is_enough(page):
    opened = page()
    controls(opened, "rose/3.jpg").get_by_label("Keep").focus()
    for key in ("Space", "ArrowDown", "Tab", "ArrowDown"):  # keep, relabel, to the classes, the first of them
        opened.keyboard.press(key)
    assert controls(opened, "rose/3.jpg").get_by_role("combobox").input_value() == "daisy"
    assert "1 relabelled" in opened.get_by_role("status").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_controls_are_accessible(page, scheme):
    opened = page(color_scheme=scheme)
    controls(opened, "rose/1.jpg").get_by_label("Relabel").check()
    controls(opened, "rose/3.jpg").get_by_label("Relabel").check()
    found = Axe().run(opened)
    assert found.violations_count == 0, found.generate_report()


def test_nothing_is_wider_than_a_small_phone(page):
    opened = page(viewport={"width": 320, "height": 640})
    controls(opened, "rose/3.jpg").get_by_label("Relabel").check()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_a_script_there_are_no_controls_and_on_paper_neither(page):
    opened = page(java_script_enabled=False)
    assert not opened.locator(".decision:visible, .review:visible").count()
    opened = page()
    opened.emulate_media(media="print")
    assert not opened.locator(".decision:visible, .review:visible").count()


def test_decisions_about_other_findings_are_remembered_apart():
    keys = {
        Review.of(audit, "flowers", ()).key for audit in (AUDIT, Audit(origin="", pictures=0, classes={}, findings=()))
    }
    assert len(keys) == 2
    assert Review.of(AUDIT, "flowers", CLASSES) == Review.of(AUDIT, "flowers", CLASSES)
