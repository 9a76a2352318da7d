import numpy as np
import pytest
import torch
from PIL import Image

from eyebright.data.pictures.arrays import as_image, as_images, is_array
from eyebright.system.errors import DataError, ModelError, PictureError

EVERY = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)  # every value
COLOUR = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), np.uint8)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_what_was_divided_by_255_comes_back_exactly(kind):
    assert np.array_equal(as_images((EVERY / 255).astype(kind)), EVERY)
    assert np.array_equal(as_images(EVERY.astype(kind)), EVERY)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint16, np.int16])
def test_whole_numbers_are_taken_whatever_their_size(kind):
    assert np.array_equal(as_images(EVERY.astype(kind)), EVERY)


def test_zeros_of_any_type_are_black():
    for kind in (np.uint16, np.int32, np.float32):
        assert as_image(np.zeros((2, 3), kind)).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_booleans_are_black_and_white():
    assert as_image(np.array([[True, False]])).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(COLOUR.transpose(0, 3, 1, 2), COLOUR, id="first"),
        pytest.param(COLOUR[..., :1], COLOUR[..., :1], id="one, last"),
        pytest.param(COLOUR[..., 0][:, None], COLOUR[..., :1], id="one, first"),
        pytest.param(COLOUR[..., 0], COLOUR[..., 0], id="none"),
        pytest.param(np.asfortranarray(COLOUR), COLOUR, id="Fortran order"),
        pytest.param([*COLOUR.astype(int)], COLOUR, id="a list"),
        pytest.param(COLOUR[..., 0].tolist(), COLOUR[..., 0], id="lists of numbers"),
        pytest.param(torch.from_numpy(COLOUR).permute(0, 3, 1, 2) / 255, COLOUR, id="a tensor"),
        pytest.param(torch.tensor(COLOUR / 255, requires_grad=True), COLOUR, id="a tensor with a gradient"),
    ],
)
def test_channels_and_order_are_recognised(given, expected):
    assert np.array_equal(as_images(given), expected)


def test_images_of_different_sizes_stay_a_list():
    small, large = as_images([COLOUR[0] / 255, np.ones((3, 9, 9))])
    assert np.array_equal(small, COLOUR[0])
    assert large.shape == (9, 9, 3)
    ragged = np.empty(2, object)
    ragged[:] = [COLOUR[0], EVERY[0]]
    assert [image.shape for image in as_images(ragged)] == [(6, 7, 3), (8, 8)]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (COLOUR / 127.5 - 1, r"from -1 to 1, write \(\(images \+ 1\) \* 127\.5\)\.round\(\)\.astype\('uint8'\)"),
        (COLOUR / 50.0 - 2, r"before they were normalised; a network can begin with Normalize"),
        (COLOUR.astype(np.uint16) * 257, "for 16 bits, write images / 65535"),
        (COLOUR.astype(np.uint16) * 16, "for 12 bits, write images / 4095"),
        (
            EVERY // 16 * 1.0,
            r"just dark, write images\.round\(\)\.astype\('uint8'\); if 15 is white, write images / 15",
        ),
        (EVERY.astype(int) // 16, r"just dark, write images\.astype\('uint8'\)"),
        (np.where(EVERY > 9, np.nan, 1.0), "look for NaN and infinite values"),
        (np.zeros((5, 3, 64, 3), np.uint8), "channels may be first or last here"),
        (np.zeros((5, 6, 7, 2), np.uint8), r"got uint8 \(5, 6, 7, 2\), expected uint8 \(N, H, W\)"),
        (np.zeros((5, 784)), r"for square images write images\.reshape\(-1, 28, 28\)"),
        (np.zeros((5, 3072)), r"write images\.reshape\(-1, 32, 32, 3\)"),
        (np.zeros((5, 0, 7), np.uint8), r"got uint8 \(5, 0, 7\)"),
        (np.zeros((5, 6, 7), complex), "expected images as arrays of numbers, got an ndarray of complex128"),
        ([[[1, 2], [3]]], "expected images as arrays, got a list"),
        ("photos", "got a str of .*for a folder, write eb.Dataset.from_folder"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_line_to_write(images, message):
    with pytest.raises(DataError, match=message):
        as_images(images)


def test_the_lines_of_the_messages_work():
    """What a message says to write gives the pixels."""
    images = COLOUR / 127.5 - 1
    assert np.array_equal(as_images(((images + 1) * 127.5).round().astype("uint8")), COLOUR)
    assert np.array_equal(as_images(COLOUR.astype(np.uint16) * 257 / 65535), COLOUR)


def test_a_single_image_is_called_so_and_the_error_is_the_callers():
    with pytest.raises(PictureError, match=r"^image: got uint8 \(4,\), expected uint8 \(H, W\)"):
        as_image(np.zeros(4, np.uint8))
    with pytest.raises(ModelError, match=r"^images: got"):
        as_images(np.zeros((4, 4), np.uint8), ModelError)


def test_an_image_of_pillow_is_no_array():
    assert is_array(COLOUR) and is_array(torch.zeros(2))
    assert not is_array(Image.new("P", (2, 2))) and not is_array("photo.jpg")
