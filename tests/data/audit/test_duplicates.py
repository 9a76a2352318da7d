import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from eyebright.data.audit import duplicates
from eyebright.data.audit.duplicates import exact_duplicates, find_near_duplicates
from eyebright.data.split import connected


def encoded(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


CHANGES = {
    "re-encoded": lambda picture: encoded(picture, 30),
    "smaller": lambda picture: picture.resize((70, 52)),
    "larger": lambda picture: picture.resize((390, 300)),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    "turned left": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned right and mirrored": lambda picture: picture.transpose(Image.Transpose.TRANSVERSE),
    "cropped": lambda picture: picture.crop((8, 6, 192, 146)),
    "cropped at a corner": lambda picture: picture.crop((0, 0, 188, 141)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_image_is_found_and_nothing_else(change, photo, thumbnail):
    thumbnails = np.stack([thumbnail(photo(number)) for number in range(40)] + [thumbnail(change(photo(7)))])
    found = find_near_duplicates(thumbnails)
    assert found.pairs.tolist() == [[7, 40]]
    assert found.similarity[0] > 0.96


def test_more_duplicates_than_candidates_are_one_set(photo, thumbnail):
    versions = [thumbnail(encoded(photo(1), quality)) for quality in range(50, 98, 4)]
    found = find_near_duplicates(np.stack([*(thumbnail(photo(number)) for number in range(10, 40)), *versions]))
    of = connected(42, found.pairs)
    assert len(set(of[30:])) == 1 and len(set(of)) == 31


def test_real_photographs_changed_are_found(real_pictures, thumbnail):
    files = sorted((real_pictures / "flowers" / "daisy").iterdir())[:20]
    pictures = [Image.open(file).convert("RGB") for file in files]
    changed = [change(picture) if name[0] != "c" else picture.rotate(180) for picture in pictures[:5]
               for name, change in CHANGES.items()]  # fmt: skip
    found = find_near_duplicates(np.stack([thumbnail(picture) for picture in [*pictures, *changed]]))
    of = connected(70, found.pairs)
    assert np.mean(of[20:] == np.repeat(of[:5], 10)) > 0.95
    assert len(set(of[:20].tolist())) == 20


@pytest.mark.parametrize("count", [0, 1, 5])
def test_empty_images_are_not_duplicates(count):
    assert find_near_duplicates(np.zeros((count, 32, 32, 3), np.uint8)).pairs.shape == (0, 2)


def test_images_that_share_only_their_colour_are_not_compared(monkeypatch):
    """Like images of a microscope: at 8 x 8 all of them have a correlation above 0.8."""
    compared: list[int] = []
    monkeypatch.setattr(duplicates, "compare", lambda _, pairs, __: compared.append(len(pairs)) or (np.zeros(0),) * 2)
    pink = np.random.default_rng(0).normal((220, 120, 160), 30, (200, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    assert find_near_duplicates(pink).pairs.shape == (0, 2) and compared == [0]


def test_exact_duplicates_have_the_same_digest():
    digests = [b"b", b"a", b"", b"b", b"c", b"a", b"b", b""]
    assert sorted(same.tolist() for same in exact_duplicates(digests)) == [[0, 3, 6], [1, 5]]


def crowd(
    *, likeness: float, difference: float, second_likeness: float | None = None, contrast: float = 36
) -> np.ndarray:
    """Nine images at 8 x 8, enlarged: any two correlate by `likeness`, but the first two by 1 - `difference`.

    The second image correlates with all others by `second_likeness`, if that is given.
    """
    random = np.random.default_rng(0)
    basis = np.linalg.qr(np.concatenate([np.ones((192, 1)), random.normal(size=(192, 10))], axis=1))[0].T[1:]
    common, *own = basis  # orthonormal, each with mean 0
    images = [np.sqrt(likeness) * common + np.sqrt(1 - likeness) * one for one in own[:8]]
    general = (likeness if second_likeness is None else second_likeness) / np.sqrt(likeness)
    shared = (1 - difference - np.sqrt(likeness) * general) / np.sqrt(1 - likeness)
    images.insert(1, general * common + shared * own[0] + np.sqrt(1 - general**2 - shared**2) * own[8])
    levels = np.round(128 + contrast * np.sqrt(192) * np.stack(images)).clip(0, 255).astype(np.uint8)
    return levels.reshape(9, 8, 8, 3).repeat(4, axis=1).repeat(4, axis=2)


@pytest.mark.parametrize(
    ("likeness", "difference", "found"),
    [
        (0.9, 0.031, True),  # 0.31 of the difference between any two images of the crowd
        (0.9, 0.038, False),  # 0.38 of it
        (0.8, 0.038, True),  # 0.19 of it
        (0.5, 0.08, False),  # a correlation of 0.92 is too low anywhere
        (0.98, 0.009, True),  # 0.45 of it, but so similar that this is certain
        (0.98, 0.012, False),
    ],
)
def test_near_duplicates_are_far_more_similar_than_a_crowd_of_look_alikes(likeness, difference, found):
    assert find_near_duplicates(crowd(likeness=likeness, difference=difference)).pairs.tolist() == [[0, 1]] * found


def test_one_of_the_two_images_in_a_crowd_is_enough():
    """0.036 is 0.24 of the difference between the second image and the crowd, but 0.45 of that of the first."""
    images = crowd(likeness=0.92, second_likeness=0.85, difference=0.036)
    assert find_near_duplicates(images).pairs.tolist() == []


@pytest.mark.parametrize(("contrast", "found"), [(3.2, False), (5, True)])
def test_images_that_show_almost_nothing_are_not_compared(contrast, found):
    images = crowd(likeness=0.3, difference=0.005, contrast=contrast)
    assert find_near_duplicates(images).pairs.tolist() == [[0, 1]] * found


@pytest.mark.parametrize("shared", [0.8, 0.6])
def test_near_duplicates_agree_in_fine_detail_too(shared):
    """A smooth wave twice, with fine noise of which the two images share `shared` of the variance.

    The variance of the detail is 8/9 of that of the noise, and (40 (1 - cos(pi / 8)) 2 / 3)^2 of the wave: together
    they correlate by 0.82 and 0.64, where 0.75 is needed. As a whole they correlate by more than 0.99.
    """
    random = np.random.default_rng(2)
    noise = 6 * random.normal(size=(3, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    wave = 40 * np.sqrt(2) * np.cos(np.arange(32) * 2 * np.pi / 32)
    pair = [128 + wave + np.sqrt(shared) * noise[2] + np.sqrt(1 - shared) * own for own in noise[:2]]
    alike = np.stack(pair).clip(0, 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    others = random.integers(0, 256, (20, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    found = find_near_duplicates(np.concatenate([alike, others]))
    assert found.pairs.tolist() == [[0, 1]] * (shared > 0.7)
