import io
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.data.pictures.making import PROPHOTO, rgb_profile

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.export import NAMES
from eyebright.model.export.export import write_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.recipe import answering_arrays, in_words, programs, usage
from eyebright.system.errors import MissingExtraError
from eyebright.trust.answers import answers_of


def module(name):
    """A program of the folder, as a module."""
    target = named_format("onnx")._replace(in_graph=False)
    found = types.ModuleType(name)
    exec(compile(programs(target)[f"{name}.py"], f"{name}.py", "exec"), found.__dict__)
    return found


def photo(mode, kind, size=(90, 61), **options):
    random = np.random.default_rng(3)
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 4), np.uint8), "RGBA").resize(size)
    file = io.BytesIO()
    opaque = coarse.convert("RGB") if mode in ("CMYK", "1", "P") else coarse
    opaque.convert(mode).save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


WIDE = io.BytesIO()
Image.fromarray((np.arange(64 * 48).reshape(48, 64) * 21).astype(np.uint16)).save(WIDE, "PNG")
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


FILES = {
    "jpeg": photo("RGB", "JPEG"),
    "large": photo("RGB", "JPEG", size=(1400, 900)),
    "on its side": photo("RGB", "JPEG", exif=turned(6)),
    "transparent": photo("RGBA", "PNG"),
    "grey transparent": photo("LA", "PNG"),
    "palette": photo("P", "PNG", transparency=3),
    "bilevel": photo("1", "PNG"),
    "16 bits": WIDE.getvalue(),
    "cmyk": photo("CMYK", "JPEG"),
    "profile": photo("RGB", "JPEG", icc_profile=rgb_profile(PROPHOTO)),
    "profile, transparent": photo("RGBA", "PNG", icc_profile=rgb_profile(PROPHOTO)),
    "profile of sRGB": photo("RGB", "PNG", icc_profile=SRGB),
    "profile of another space": photo("RGB", "PNG", icc_profile=LAB),
    "damaged profile": photo("RGB", "PNG", icc_profile=b"acsp"),
}
PREPARATIONS = [
    Preparation(width=40, height=32),
    Preparation(width=28, height=28, fit="pad", channels=1),
    Preparation(width=30, height=40, fit="stretch"),
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("preparation", PREPARATIONS, ids=lambda each: each.fit)
def test_prepare_gives_the_pixels_that_eyebright_prepares(name, preparation):
    described = {"width": preparation.width, "height": preparation.height, "fit": preparation.fit,
                 "channels": preparation.channels}  # fmt: skip
    found = module("prepare").prepare(io.BytesIO(FILES[name]), described)
    np.testing.assert_array_equal(found, open_picture(FILES[name], preparation))


def test_the_profile_of_the_test_changes_pixels():
    plain, converted = (open_picture(FILES[name], PREPARATIONS[0]).astype(int) for name in ("jpeg", "profile"))
    assert np.abs(plain - converted).max() > 5


def test_answering_with_numpy_gives_the_answers_of_the_model(source):
    random = np.random.default_rng(2)
    features = np.abs(random.normal(1, 0.5, (300, source.answering.familiar.mean.size))).astype(np.float32)
    logits = random.normal(0, 3, (300, 3)).astype(np.float32)
    expected = answers_of(source.answering, logits, features)
    found = module("answering").answers(np.load(io.BytesIO(answering_arrays(source))), logits, features)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)
    assert {*found[2].tolist()} == {-1, 0, 1}  # 2 is never answered
    plain = source._replace(answering=source.answering._replace(familiar=None, thresholds=None))
    _, unlike, answer = module("answering").answers(np.load(io.BytesIO(answering_arrays(plain))), logits)
    assert unlike is None and (answer == logits.argmax(axis=1)).all()


@pytest.mark.parametrize("preparation", PREPARATIONS, ids=lambda each: each.fit)
def test_the_words_say_size_fit_and_grey(preparation):
    (words,) = in_words(preparation)
    assert f"{preparation.width}x{preparation.height}" in words
    assert {"crop": "cut out the centre", "pad": "127", "stretch": "not kept"}[preparation.fit] in words
    assert ("grey: 0.299" in words) == (preparation.channels == 1)


@pytest.mark.parametrize("name", [name for name in NAMES if "```python" in usage(name)])
def test_the_lines_of_use_run_and_give_the_answer_of_the_model(name, source, classifier, tmp_path):
    target = named_format(name)
    try:
        target.require_runtime()
    except MissingExtraError as problem:
        pytest.skip(str(problem))
    exported, _ = write_export(source, classifier.predictor.answers, name, tmp_path / "export")
    (code,) = re.findall(r"```python\n(.*?)```", usage(name), re.S)
    ran = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=exported.path, capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert ran.returncode == 0, ran.stderr
    expected = classifier.predict(exported.path / "golden" / "image_0.png")
    label, _, probabilities = ran.stdout.partition("[")
    assert label.strip() == (expected.label or "no answer")
    found = [float(value) for value in probabilities.strip(" ]\n").split()]
    assert found == pytest.approx([expected.probabilities[each] for each in source.classes], abs=1e-4)
