import io
import types

import numpy as np
import pytest
from PIL import Image, ImageCms

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.export.formats import named_format
from eyebright.model.export.recipe import answering_arrays, in_words, programs
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


def gamma(power):
    """A profile that is not that of sRGB: the same with another curve of its tones."""
    profile = bytearray(SRGB)
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        place = profile.index(tag)
        start = int.from_bytes(profile[place + 4 : place + 8], "big")
        profile[start : start + 16] = b"para" + bytes(4) + bytes(4) + int(power * 65536).to_bytes(4, "big")
    return bytes(profile)


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
    "profile": photo("RGB", "JPEG", icc_profile=gamma(1.2)),
    "profile, transparent": photo("RGBA", "PNG", icc_profile=gamma(1.2)),
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
