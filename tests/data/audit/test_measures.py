import numpy as np
import pytest

from eyebright.data.audit import measures
from eyebright.data.pictures import PRINT


def prints(*pictures):
    """Prints of pictures given by their thumbnails."""
    records = np.zeros(len(pictures), PRINT)
    for record, pixels in zip(records, pictures, strict=True):
        record["thumbnail"], record["width"], record["height"], record["sharpness"] = pixels, 300, 200, 1
    return records


@pytest.fixture
def usual():
    """Forty well-lit pictures."""
    stream = np.random.default_rng(1)
    return [stream.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(40)]


def test_a_flower_on_black_is_not_dark_and_one_on_white_is_not_bright(usual):
    night, studio = np.full((32, 32, 3), 3, np.uint8), np.full((32, 32, 3), 252, np.uint8)
    on_black, on_white = night.copy(), studio.copy()
    on_black[12:18, 12:18, 0] = 220  # a red flower: its luminance is low, but it is seen
    on_white[12:18, 12:18] = 60
    measured = measures.measure(prints(*usual, night, studio, on_black, on_white))
    assert measures.dark(measured).tolist() == [40]
    assert measures.bright(measured).tolist() == [41]


def test_highlights_and_shadows_are_the_quantiles_of_the_strongest_and_the_weakest_colour(usual):
    measured = measures.measure(prints(usual[0]))
    flat = usual[0].reshape(-1, 3)
    assert measured.highlights[0] == pytest.approx(np.sort(flat.max(axis=1))[1003] / 255, abs=0.01)
    assert measured.shadows[0] == pytest.approx(np.sort(flat.min(axis=1))[20] / 255, abs=0.01)


def test_where_all_are_dark_none_stands_out(usual):
    measured = measures.measure(prints(*(picture // 10 for picture in usual)))
    assert not len(measures.dark(measured))
