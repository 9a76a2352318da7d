"""Predictions to show, and figures to look into before they become PNG files."""

import io
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from eyebright.trust.prediction import Prediction


@pytest.fixture
def predict() -> Callable[..., Prediction]:
    """A prediction with the given probabilities, the greatest first."""

    def predict(**probabilities: float) -> Prediction:
        label, confidence = next(iter(probabilities.items()))
        return Prediction(name="x.jpg", label=label, confidence=confidence, probabilities=probabilities)

    return predict


@pytest.fixture
def as_figure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """Call a drawing function of a module, and get the figure instead of the PNG file."""

    def draw(module: ModuleType, function: str, *arguments: object, **options: object) -> Figure:
        with monkeypatch.context() as patch:
            patch.setattr(module, "to_png", lambda figure: figure)
            return getattr(module, function)(*arguments, **options)

    return draw


@pytest.fixture
def decode() -> Callable[[bytes], np.ndarray]:
    """The pixels of a PNG file, `(H, W, 3)`; it must be one."""

    def decode(png: bytes) -> np.ndarray:
        picture = Image.open(io.BytesIO(png), formats=["PNG"])
        picture.load()
        return np.asarray(picture.convert("RGB"))

    return decode


@pytest.fixture
def only_latin_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no fonts but those that come with matplotlib."""
    fonts = [font for font in font_manager.fontManager.ttflist if font.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
