import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from eyebright.training.colours import recolour
from eyebright.training.drawing import uniforms
from eyebright.training.settings import Settings

KEYS = np.arange(1, 7, dtype=np.uint64)
PLAIN = {"flip": False, "rotation": 0.0, "zoom": 0.0}


def pictures(low: int = 60, high: int = 160) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (6, 9, 11, 3), np.uint8)


def changed(batch: np.ndarray, **changes: float) -> np.ndarray:
    tensor = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
    return recolour(tensor, KEYS, Settings(**PLAIN, **changes), 3).permute(0, 2, 3, 1).numpy()


def factors(column: int, share: float) -> np.ndarray:
    return 1 + (2 * uniforms(KEYS, 0, 3, 4, what="recolour")[:, column] - 1) * share


@pytest.mark.parametrize(
    ("name", "column", "enhance"),
    [("brightness", 0, ImageEnhance.Brightness), ("contrast", 1, ImageEnhance.Contrast),
     ("saturation", 2, ImageEnhance.Color)],
)  # fmt: skip
def test_light_and_colour_change_as_pillow_changes_them(name, column, enhance):
    batch = pictures()
    found = changed(batch, **{name: 0.4})
    for picture, result, factor in zip(batch, found, factors(column, 0.4), strict=True):
        expected = np.asarray(enhance(Image.fromarray(picture)).enhance(factor), np.float32)
        assert np.abs(result - expected).max() < 2  # Pillow rounds light and mean


def test_a_third_of_a_turn_of_hue_exchanges_the_colours(monkeypatch):
    monkeypatch.setattr("eyebright.training.colours.uniforms", lambda *_, **__: np.full((6, 4), 1.0))
    batch = pictures()
    assert np.allclose(changed(batch, hue=1 / 3), batch[..., [2, 0, 1]], atol=1e-3)


def test_greys_stay_grey_whatever_the_hue_and_saturation():
    batch = pictures()[..., :1].repeat(3, axis=3)
    assert np.allclose(changed(batch, hue=0.5, saturation=1.0), batch, atol=1e-2)


def test_nothing_leaves_the_range_and_nothing_asked_changes_nothing():
    found = changed(pictures(0, 256), brightness=1, contrast=1, saturation=1, hue=0.5)
    assert found.min() >= 0 and found.max() <= 255
    tensor = torch.zeros(6, 3, 4, 4)
    assert recolour(tensor, KEYS, Settings(), 1) is tensor


def test_pictures_in_grey_have_light_and_contrast():
    tensor = torch.from_numpy(pictures()[..., 0]).float()[:, None]
    found = recolour(tensor, KEYS, Settings(**PLAIN, brightness=0.3, hue=0.5), 3)
    expected = tensor * torch.from_numpy(factors(0, 0.3)).float()[:, None, None, None]
    assert torch.allclose(found, expected.clamp(0, 255), atol=1e-3)
