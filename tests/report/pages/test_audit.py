import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.data.audit.findings import Audit, Finding
from eyebright.report.pages.audit import audit_page
from eyebright.runs import audit as auditing

GREY = np.full((8, 8, 3), 128, np.uint8)


def found(*findings: Finding, notes: tuple[str, ...] = ()) -> Audit:
    return Audit(
        origin="my <images>", pictures=1_234, classes={"<b>": 1_200, "rose": 34}, findings=findings, notes=notes
    )


def finding(kind: str, *pictures: str) -> Finding:
    return Finding(kind=kind, pictures=pictures, classes=("<i>rose",) * len(pictures), figure=1.0, sentence="why & how")


def test_the_page_has_a_section_for_each_kind_with_what_a_random_split_would_do() -> None:
    page = audit_page(found(finding("exact duplicates", "a", "b"), finding("very dark", "c")), 0.14, lambda name: GREY)
    assert re.findall(r"<h2 id=\"([^\"]*)\">([^<]*)</h2><p>([^<]*)</p>", page) == [
        ("exact-duplicates", "exact duplicates: 1 finding", "the same pixels in several files"),
        ("very-dark", "very dark: 1 finding", "hardly anything is visible"),
    ]
    assert re.findall(r"<a href=\"#([^\"]*)\">([^<]*)</a>", page) == [
        ("exact-duplicates", "exact duplicates (1)"), ("very-dark", "very dark (1)"),
    ]  # fmt: skip
    assert "With a random split, 14% of the test images would have a near-duplicate in the training set." in page
    assert '<h1 title="my &lt;images&gt;">Audit of my &lt;images&gt;</h1>' in page
    assert "Found 1,234 images: &lt;b&gt; 1,200, rose 34." in page
    assert page.count("data:image/jpeg;base64,") == 3 and page.count("&lt;i&gt;rose") == 3 and "<i>" not in page


def test_a_page_without_findings_says_so() -> None:
    page = audit_page(found(notes=("Labels were not checked: x > 3",)), None, lambda name: GREY)
    assert "<nav>No problem found.</nav>" in page and "The images have a given split, which is kept." in page
    assert "<p>Labels were not checked: x &gt; 3</p>" in page


def test_letters_that_change_the_direction_of_text_do_not_reach_the_page() -> None:
    name = "rose\u202egnp.jpg"
    audit = Audit(
        origin=name, pictures=1, classes={name: 1}, notes=(name,),
        findings=(Finding(kind="blurred", pictures=(name,), classes=(name,), figure=1.0, sentence=name),),
    )  # fmt: skip
    page = audit_page(audit, None, lambda name: GREY)
    assert "\u202e" not in page and page.count(r"rose\u202egnp.jpg") >= 6


def test_a_page_shows_at_most_60_findings_of_12_images() -> None:
    many = [finding("near-duplicates", *(f"{number}-{image}" for image in range(13))) for number in range(61)]
    page = audit_page(found(*many), 0.5, lambda name: GREY)
    assert "near-duplicates: 61 findings" in page and "; the first 60 of 61 are shown</p>" in page
    assert page.count("<figure>") == 60 * 12 and page.count("why &amp; how (1 more)") == 60


def test_an_image_that_cannot_be_opened_is_an_empty_tile() -> None:
    page = audit_page(found(finding("unreadable", "bad.jpg")), None, lambda name: None)
    assert page.count('<div class="none"></div>') == 1 and "bad.jpg" in page and "<img" not in page


@pytest.fixture
def audited(tmp_path: Path) -> auditing.Audited:
    """Two classes of six images; one has an exact duplicate with a hostile name, one file is damaged."""
    stream = np.random.default_rng(0)
    for number in range(12):
        place = tmp_path / "images" / "ab"[number % 2] / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stream.integers(0, 256, (6, 6, 3), np.uint8)).resize((60, 60)).save(place)
    duplicate = tmp_path / "images" / "a" / "<b>&\n.png"
    duplicate.write_bytes((tmp_path / "images" / "a" / "02.png").read_bytes())
    (tmp_path / "images" / "b" / "broken.jpg").write_bytes(b"no image")
    return auditing.audit(tmp_path / "images")


def test_a_written_page_holds_its_images_escapes_their_names_and_needs_no_other_file(
    audited: auditing.Audited, tmp_path: Path
) -> None:
    auditing.write_page(audited, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert (
        "Audit of images</h1>" in page
        and "&lt;b&gt;&amp;\\n.png" in page
        and "<b>&" not in page
        and "broken.jpg" in page
    )
    assert page.count("data:image/jpeg;base64,") >= 2 and "http" not in page and "<script" not in page
    open_tags: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag: str, attributes: object) -> None:
            if tag not in ("meta", "img"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Check().feed(page)
    assert not open_tags
