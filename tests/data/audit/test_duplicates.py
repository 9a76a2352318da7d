import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from eyebright.data.audit import duplicates
from eyebright.data.audit.duplicates import clusters, exact_copies, near_copies
from eyebright.data.audit.likeness import compare, positions_of


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
def test_a_changed_copy_is_found_and_nothing_else(change, photo, thumbnail):
    thumbnails = np.stack([thumbnail(photo(number)) for number in range(40)] + [thumbnail(change(photo(7)))])
    found = near_copies(thumbnails)
    assert found.pairs.tolist() == [[7, 40]]
    assert found.likeness[0] > 0.96


def test_a_family_of_more_copies_than_candidates_is_one_set(photo, thumbnail):
    family = [thumbnail(encoded(photo(1), quality)) for quality in range(50, 98, 4)]
    found = near_copies(np.stack([*(thumbnail(photo(number)) for number in range(10, 40)), *family]))
    of = clusters(42, found.pairs)
    assert len(set(of[30:])) == 1 and len(set(of)) == 31


def test_real_photographs_changed_are_found(real_pictures, thumbnail):
    files = sorted((real_pictures / "flowers" / "daisy").iterdir())[:20]
    pictures = [Image.open(file).convert("RGB") for file in files]
    changed = [change(picture) if name[0] != "c" else picture.rotate(180) for picture in pictures[:5]
               for name, change in CHANGES.items()]  # fmt: skip
    found = near_copies(np.stack([thumbnail(picture) for picture in [*pictures, *changed]]))
    of = clusters(70, found.pairs)
    assert np.mean(of[20:] == np.repeat(of[:5], 10)) > 0.95
    assert len(set(of[:20].tolist())) == 20


@pytest.mark.parametrize("count", [0, 1, 5])
def test_empty_pictures_and_few_are_no_copies(count):
    assert near_copies(np.zeros((count, 32, 32, 3), np.uint8)).pairs.shape == (0, 2)


def test_the_eight_positions_are_all_different_and_the_first_is_as_it_was(photo, thumbnail):
    square = thumbnail(photo(0))[None].astype(np.float32)
    eight = list(positions_of(square))
    assert len({position.tobytes() for position in eight}) == 8
    np.testing.assert_array_equal(eight[0], square)


def test_comparing_a_picture_with_itself_gives_1_and_with_another_little(photo, thumbnail):
    thumbnails = np.stack([thumbnail(photo(number)) for number in range(2)])
    whole, detail = compare(thumbnails, np.array([[0, 0], [0, 1]]))
    assert whole[0] == pytest.approx(1, abs=1e-5) and detail[0] == pytest.approx(1, abs=1e-5)
    assert whole[1] < 0.8


def test_pictures_that_share_only_their_colour_are_not_even_compared(monkeypatch):
    """As those of a microscope do: at 8 x 8 all of them agree to more than 0.8."""
    compared: list[int] = []
    monkeypatch.setattr(duplicates, "compare", lambda _, pairs, __: compared.append(len(pairs)) or (np.zeros(0),) * 2)
    pink = np.random.default_rng(0).normal((220, 120, 160), 30, (200, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    assert near_copies(pink).pairs.shape == (0, 2) and compared == [0]


def test_exact_copies_are_sets_of_one_digest():
    digests = [b"b", b"a", b"", b"b", b"c", b"a", b"b", b""]
    assert sorted(copies.tolist() for copies in exact_copies(digests)) == [[0, 3, 6], [1, 5]]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.lists(
    st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30))))  # fmt: skip
def test_clusters_are_those_of_merging_sets_by_hand(drawn):
    count, pairs = drawn
    sets = [{number} for number in range(count)]
    for one, other in pairs:
        merged = sets[one] | sets[other]
        for number in merged:
            sets[number] = merged
    of = clusters(count, np.array(pairs, np.int64).reshape(-1, 2))
    assert [set(np.flatnonzero(of == of[number]).tolist()) for number in range(count)] == sets
