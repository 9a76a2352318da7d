import base64
import hashlib
import io
import re
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from eyebright.report.pages.page import Album, render
from eyebright.report.pages.review import Review

HOSTILE = "</script><script>alert(1)</script>"
TEMPLATES = resources.files("eyebright.report.pages") / "templates"


def pixels(album: Album) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(image.address.split(",")[1]))) for image in album]


def test_an_album_embeds_an_image_once_and_no_larger_than_asked() -> None:
    album, wide = Album(), np.full((50, 100, 3), 200, np.uint8)
    first = album.add("a", wide, 40)
    assert album.add("a", wide, 40) is first and album.add("b", wide, 40).id != first.id and len(album) == 2
    assert "a" in album and "c" not in album
    assert [(image.width, image.height) for image in album] == [image.size for image in pixels(album)] == [(40, 20)] * 2
    assert abs(int(np.asarray(pixels(album)[0]).mean()) - 200) <= 2


def test_a_small_or_grey_image_keeps_its_pixels() -> None:
    album = Album()
    album.add("small", np.full((8, 8, 3), 10, np.uint8), 40)
    album.add("grey", np.full((28, 28, 1), 100, np.uint8), 40)
    assert [(image.size, image.mode) for image in pixels(album)] == [((8, 8), "RGB"), ((28, 28), "L")]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> str:
    return render(
        "audit.html", name=HOSTILE, leak=HOSTILE, kinds=[], album=Album(), audit=_audit(),
        review=Review(HOSTILE, "", (HOSTILE,)),
    )  # fmt: skip


def _audit():
    from eyebright.data.audit.findings import Audit

    return Audit(origin=HOSTILE, pictures=1, classes={HOSTILE: 1}, findings=(), notes=(HOSTILE,))


def test_names_are_text_and_never_tags(page, parsed) -> None:
    assert len(parsed(page).select("script")) == 1 and "alert(1)" not in parsed(page).script.text
    assert parsed(page).text.count(HOSTILE) == 5


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(page, parsed) -> None:
    tree = parsed(page)
    policy = dict(rule.split(" ", 1) for rule in tree.find("meta", {"http-equiv": True})["content"].split("; "))
    for rule, text in {"style-src": tree.style.string, "script-src": tree.script.string}.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy.pop(rule) == f"'sha256-{digest}'"
    assert policy == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}


def test_no_template_has_what_the_policy_would_refuse() -> None:
    """Handlers and styles in attributes, addresses of other files, and scripts of its own."""
    for template in TEMPLATES.iterdir():
        if template.name.endswith(".html"):
            text = template.read_text("utf-8")
            assert not re.search(r"\son\w+=|\sstyle=|https?://|src=", text), template.name
            assert template.name == "base.html" or "|safe" not in text, template.name
