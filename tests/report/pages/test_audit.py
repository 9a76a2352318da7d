import numpy as np
import pytest

from eyebright.data.audit.findings import Audit, Finding
from eyebright.report.pages.audit import Opened, audit_page

GREY = np.full((8, 8, 3), 128, np.uint8)


def found(*findings: Finding, notes: tuple[str, ...] = ()) -> Audit:
    return Audit(
        origin="my <images>", pictures=1_234, classes={"<b>": 1_200, "rose": 34}, findings=findings, notes=notes
    )


def finding(kind: str, *pictures: str) -> Finding:
    return Finding(kind=kind, pictures=pictures, classes=("<i>rose",) * len(pictures), figure=1.0, sentence="why & how")


def page_of(audit: Audit, leak: float | None, opened: Opened) -> str:
    return audit_page(audit, leak, opened, digest_of=str)


def test_the_page_has_a_section_for_each_kind_with_what_a_random_split_would_do(parsed) -> None:
    page = parsed(
        page_of(found(finding("exact duplicates", "a", "b"), finding("very dark", "c")), 0.14, lambda name: GREY)
    )
    assert [(heading["id"], heading.text, heading.find_next("p").text) for heading in page.select("h2")] == [
        ("exact-duplicates", "exact duplicates: 1 finding", "the same pixels in several files"),
        ("very-dark", "very dark: 1 finding", "hardly anything is visible"),
    ]
    assert [(link["href"], link.text) for link in page.select("nav a")] == [
        ("#exact-duplicates", "exact duplicates 1"), ("#very-dark", "very dark 1"),
    ]  # fmt: skip
    assert "With a random split, 14% of the test images would have a near-duplicate in the training set." in page.text
    assert page.h1.text == page.title.text == "Audit of my <images>"
    assert "Found 1,234 images: <b> 1,200, rose 34." in page.text
    assert [caption.text for caption in page.select("figcaption")] == ["<i>rose a", "<i>rose b", "<i>rose c"]
    assert len(page.select("figure svg")) == 3 and not page.select("i, b")


def test_a_page_without_findings_says_so(parsed) -> None:
    page = parsed(page_of(found(notes=("Labels were not checked: x > 3",)), None, lambda name: GREY))
    assert page.nav.text.strip() == "No problem found." and "The images have a given split, which is kept." in page.text
    assert "Labels were not checked: x > 3" in [text.text for text in page.select("header p")]


def test_letters_that_change_the_direction_of_text_do_not_reach_the_page() -> None:
    name = "rose\u202egnp.jpg"
    audit = Audit(
        origin=name, pictures=1, classes={name: 1}, notes=(name,),
        findings=(Finding(kind="blurred", pictures=(name,), classes=(name,), figure=1.0, sentence=name),),
    )  # fmt: skip
    page = page_of(audit, None, lambda name: GREY)
    assert "\u202e" not in page and page.count(r"rose\u202egnp.jpg") >= 6


def test_a_page_shows_at_most_60_findings_of_12_images(parsed) -> None:
    many = [finding("near-duplicates", *(f"{number}-{image}" for image in range(13))) for number in range(61)]
    page = parsed(page_of(found(*many), 0.5, lambda name: GREY))
    assert page.h2.text == "near-duplicates: 61 findings"
    assert page.h2.find_next("p").text.endswith("; the first 60 of 61 are shown")
    assert len(page.select("figure")) == 60 * 12
    assert [said.text for said in page.select(".said")] == ["why & how (1 more)"] * 60


def test_an_image_of_several_findings_is_in_the_page_once(parsed) -> None:
    page = parsed(page_of(found(finding("very dark", "a"), finding("blurred", "a", "b")), None, lambda name: GREY))
    assert [image["id"] for image in page.select("defs image")] == ["i0", "i1"]
    assert sorted(use["href"] for use in page.select("figure use")) == ["#i0", "#i0", "#i1"]


def test_an_image_that_cannot_be_opened_is_an_empty_tile(parsed) -> None:
    page = parsed(page_of(found(finding("unreadable", "bad.jpg")), None, lambda name: None))
    assert len(page.select("figure .none")) == 1 and "bad.jpg" in page.figcaption.text and not page.select("image")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_a_browser_and_keeps_nobody_out(opened, barriers, scheme: str) -> None:
    findings = finding("near-duplicates", "a" * 200, "b"), finding("unreadable", "<script>alert(1)</script>")
    page = opened(page_of(found(*findings), 0.1, lambda name: None if "<" in name else GREY), 320, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert barriers(page) == []
