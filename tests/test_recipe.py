"""A file, its bytes, its pixels and the program in docs/model-format.md give one answer, also for large JPEGs."""

import io
import re
import sys
import types
from pathlib import Path

import numpy as np
import onnx.reference
import pytest
from PIL import Image

import eyebright as eb
from eyebright.data.pictures import open_with_digest, take_prints
from eyebright.model.export.formats import named_format
from eyebright.model.export.recipe import programs
from eyebright.model.golden import golden_pictures
from eyebright.network import zoo

PAGE = Path(__file__).parent.parent / "docs" / "model-format.md"
SIZE = 40
CLASSES = ("daisy", "rose", "tulip")


def blocks_of(page):
    """The Python programs of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)


class Session:
    """The part of ONNX Runtime that the program uses, with ONNX's own reference implementation."""

    def __init__(self, path):
        self.run = onnx.reference.ReferenceEvaluator(path).run


@pytest.fixture
def program(monkeypatch, capsys):
    """Runs the program of the page: `program(model, photo)` gives the probability of each class."""
    code = next(block for block in blocks_of(PAGE) if "argv" in block)
    prepare = types.ModuleType("prepare")
    exec(programs(named_format("onnx"))["prepare.py"], prepare.__dict__)
    monkeypatch.setitem(sys.modules, "prepare", prepare)
    monkeypatch.setitem(sys.modules, "onnxruntime", types.SimpleNamespace(InferenceSession=Session))

    def run(model, photo):
        monkeypatch.setattr("sys.argv", ["recipe.py", str(model), str(photo)])
        capsys.readouterr()
        exec(compile(code, str(PAGE), "exec"), {})
        *lines, _ = capsys.readouterr().out.splitlines()  # the last says the answer
        return {name: float(value) for name, value in map(str.split, lines)}

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network with large random weights, so that its answers depend on every detail of a picture."""
    path = tmp_path_factory.mktemp("model") / "model"
    classifier = eb.Classifier(zoo.flowers_cnn(len(CLASSES), input_size=SIZE), classes=CLASSES)
    weights = classifier.get_weights()
    last = list(weights)[-2]
    classifier.set_weights(weights | {last: weights[last] * 4})
    classifier.save(path)
    return path


def test_the_program_of_the_page_finds_an_edited_card(model, tmp_path, monkeypatch):
    code = next(block for block in blocks_of(PAGE) if "hashlib" in block)
    monkeypatch.chdir(model)
    exec(compile(code, str(PAGE), "exec"), {})
    (tmp_path / "model.json").write_text((model / "model.json").read_text().replace("daisy", "dandelion"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        exec(compile(code, str(PAGE), "exec"), {})


def jpeg(width: int, height: int, **options: object) -> bytes:
    """A picture with detail at every scale, down to a pixel."""
    random = np.random.default_rng(width)
    pixels = np.full((height, width, 3), 128.0)
    for cells in (3, 11, 60, 400):
        coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        pixels += (np.asarray(coarse.resize((width, height)), float) - 128) / 3
    pixels += random.normal(0, 12, (height, width, 1))
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", **options)
    return file.getvalue()


def agree(model, program, photo: Path, pixels: np.ndarray) -> None:
    classifier = eb.load(model)
    answers = [program(model, photo)]
    answers += [classifier.predict(source).probabilities for source in (photo, photo.read_bytes(), pixels)]
    for answer in answers[1:]:
        assert answer == pytest.approx(answers[0], abs=1e-4)
    assert 0.02 < max(answers[0].values()) < 0.98  # a certain answer would hide a difference


@pytest.mark.parametrize("width", [90, 510, 1_024, 2_050, 4_000])
@pytest.mark.parametrize("progressive", [False, True])
def test_file_bytes_pixels_and_the_program_of_the_page_agree(model, program, tmp_path, width, progressive):
    if progressive and width > 1_024:
        pytest.skip("one more way to store the same pixels")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(width, width * 3 // 4, quality=85, progressive=progressive))
    agree(model, program, photo, np.asarray(Image.open(photo)))


def test_they_agree_for_a_photo_on_its_side(model, program, tmp_path):
    photo = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[274] = 6  # row 0 is the right side
    photo.write_bytes(jpeg(1_331, 1_003, exif=exif))
    agree(model, program, photo, np.rot90(np.asarray(Image.open(photo)), -1))


def test_they_agree_on_real_photos_side_by_side(model, program, tmp_path, real_pictures):
    found = sorted((real_pictures / "flowers").rglob("*.jpg"))[::40][:100]
    sheet = Image.new("RGB", (1_280, 1_280))
    for number, path in enumerate(found):
        sheet.paste(Image.open(path).convert("RGB").resize((128, 128)), (number % 10 * 128, number // 10 * 128))
    sheet.save(tmp_path / "photo.jpg", quality=90)
    agree(model, program, tmp_path / "photo.jpg", np.asarray(Image.open(tmp_path / "photo.jpg")))


@pytest.mark.parametrize("size", [(300, 200), (1_300, 900), (2_100, 600)])
@pytest.mark.parametrize("preparation", [eb.Preparation(width=24, height=30), eb.Preparation(width=900, height=700)])
def test_a_jpeg_and_its_pixels_have_the_same_digest_print_and_prepared_bits(size, preparation):
    content = jpeg(*size)
    file, pixels = (
        open_with_digest(source, preparation) for source in (content, np.asarray(Image.open(io.BytesIO(content))))
    )
    assert file.digest == pixels.digest
    assert take_prints([file.look]).tobytes() == take_prints([pixels.look]).tobytes()
    np.testing.assert_array_equal(file.pixels, pixels.pixels)


@pytest.mark.parametrize("size", [28, 64, 180, 224, 299])
def test_the_large_golden_picture_finds_out_who_decodes_at_a_reduced_scale(size):
    sources, prepared = golden_pictures(eb.Preparation(width=size, height=size))
    for scale in (2, 4):
        picture = Image.open(io.BytesIO(sources[-1]))
        picture.draft(None, (picture.width // scale, picture.height // scale))
        side = min(picture.size)
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        if side >= size:
            square = (left, top, left + side, top + side)
            small = picture.resize((size, size), Image.Resampling.BILINEAR, square)
            assert np.abs(np.asarray(small).astype(int) - prepared[-1]).max() > 3  # 2 are allowed
