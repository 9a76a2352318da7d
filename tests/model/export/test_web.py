"""The page with its real runtime, where npm has installed it; else with a stand-in, as far as Python can tell."""

import base64
import gzip
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.model.export import web
from eyebright.model.export.export import write_export
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.images import synthetic_images
from eyebright.model.export.proof import Proof
from eyebright.model.export.web_runtime import find_runtime
from eyebright.report.pages.classifier import WebRuntime
from eyebright.system.errors import MissingExtraError, ModelError

PREDICT = """async (file) => {
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const { probabilities, unfamiliarity, answer } = await (await Page.started).predict(new Blob([bytes]));
  return [[...probabilities], unfamiliarity, answer];
}"""


@pytest.fixture(scope="module")
def real(classifier, source, tmp_path_factory) -> Path:
    """The folder of the export, whose page was asked in Chromium where that is installed."""
    try:
        find_runtime()
    except MissingExtraError:
        pytest.skip("needs ONNX Runtime Web: npm install onnxruntime-web@1.30.0")
    path = tmp_path_factory.mktemp("exports") / "web"
    write_export(source, classifier.predictor.answers, "web", path)
    return path


@pytest.fixture
def page(real, visit) -> Callable[..., object]:
    return lambda: visit((real / "index.html").as_uri())


def files() -> list[tuple[bytes, float]]:
    """Image files, and how far the probabilities may differ: a JPEG is decoded by the browser."""
    random = np.random.default_rng(3)
    smooth = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((300, 400), Image.Resampling.BICUBIC)
    large = smooth.resize((1300, 900), Image.Resampling.BICUBIC)
    clear = Image.fromarray(random.integers(0, 256, (40, 30, 4), np.uint8))
    made = []
    for picture in (smooth, large, smooth.convert("L"), clear, smooth.quantize(20)):
        file = io.BytesIO()
        picture.save(file, "PNG")
        made.append((file.getvalue(), 1e-4))
    exif = Image.Exif()
    exif[0x0112] = 6
    for picture in (smooth, large):
        file = io.BytesIO()
        picture.save(file, "JPEG", exif=exif)
        made.append((file.getvalue(), 1e-3))
    return made


def test_the_page_gives_the_probabilities_of_the_model_for_files(page, classifier):
    opened = page()
    opened.get_by_text("Proved on this device").wait_for()
    for file, allowed in files():
        probabilities, unlike, answer = opened.evaluate(PREDICT, base64.b64encode(file).decode())
        expected = classifier.predict(file)
        by_name = dict(zip(classifier.classes, probabilities, strict=True))
        assert by_name == pytest.approx(expected.probabilities, abs=allowed)
        assert unlike == pytest.approx(expected.unfamiliarity, rel=10 * allowed, abs=10 * allowed)
        assert (None if answer < 0 else classifier.classes[answer]) == expected.label


def test_the_proof_says_what_the_page_answered(real, chromium):
    note = json.loads((real / "proof.json").read_text())["notes"][0]
    assert re.search(r"opened in Chromium \d+: it proved its golden images, and for \d+ of .* 0 answers changed", note)


def test_the_file_is_no_larger_than_it_must_be(real, source):
    graph = named_format("onnx").write(source, "float32")["model.onnx"]
    assert (real / "index.html").stat().st_size <= 1.34 * (len(graph) + 3.8e6) + 200e3


def test_a_page_with_altered_weights_refuses_to_answer(real, visit, tmp_path, other_graph, classifier, chromium):
    folder = Path(shutil.copytree(real, tmp_path / "altered"))
    text = (folder / "index.html").read_text("utf-8")
    packed = base64.b64encode(gzip.compress(other_graph(scale=1.01))).decode()
    altered = re.sub('(id="network">)[^<]+', rf"\g<1>{packed}", text)
    (folder / "index.html").write_text(altered, "utf-8")
    opened = visit((folder / "index.html").as_uri())
    opened.get_by_text("No answers on this device").wait_for()
    assert opened.locator("#files").is_disabled()
    exported = read_export(real)._replace(path=folder)
    pixels = synthetic_images(classifier.preparation).pixels
    with pytest.raises(ModelError, match="the page refuses to answer in Chromium"):
        named_format("web").witness(exported, pixels, classifier.predictor.answers)


@pytest.fixture
def stand_in(monkeypatch) -> None:
    monkeypatch.setattr(web, "find_runtime", lambda: WebRuntime("let a; export{a as b};", b"wasm", "1.0", "MIT"))


@pytest.fixture
def proof(stand_in, monkeypatch, classifier, source, tmp_path) -> Proof:
    monkeypatch.setattr(web, "find_browser", lambda: None)
    return write_export(source, classifier.predictor.answers, "web", tmp_path / "web")[1]


def test_the_network_inside_is_run_by_onnx_runtime(proof, classifier, tmp_path):
    assert proof.difference < 1e-5 and "the page was not opened" in proof.notes[0]
    pixels = synthetic_images(classifier.preparation).pixels
    found = named_format("web").load(read_export(tmp_path / "web"))(pixels)
    expected = classifier.predictor.answers(pixels)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert np.array_equal(found.answer, expected.answer)
    assert "the page was not opened" in (tmp_path / "web" / "README.md").read_text("utf-8")


def test_a_browser_that_does_not_start_is_reported_and_no_error(stand_in, monkeypatch, classifier, source, tmp_path):
    (tmp_path / "chromium").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setattr(web, "find_browser", lambda: tmp_path / "chromium")
    proof = write_export(source, classifier.predictor.answers, "web", tmp_path / "web")[1]
    assert "Chromium does not run here (Chromium has ended" in proof.notes[0]


def test_the_same_model_gives_the_same_page(stand_in, source):
    first, second = (named_format("web").write(source, "float32") for _ in range(2))
    assert first == second and list(first) == ["index.html"]


def test_a_page_without_its_network_is_an_error(proof, tmp_path):
    exported = read_export(tmp_path / "web")
    (tmp_path / "web" / "index.html").write_text("<p>nothing")
    with pytest.raises(ModelError, match="has no network"):
        named_format("web").load(exported)


def test_a_network_that_browsers_cannot_hold_is_refused(stand_in, monkeypatch, source):
    monkeypatch.setattr(web, "_MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="a page holds a network of 0 MB at most"):
        named_format("web").write(source, "float32")
