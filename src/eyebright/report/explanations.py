"""Explanations to look at: an image, and beside it the map of what matters for a class."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.report.figures import BLUE, GREY, ORANGE, new_figure, show_pixels, to_png
from eyebright.report.maps import overlaid
from eyebright.system.text import percent, printable, shorten
from eyebright.trust.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_SHOWN = 60
_CELLS = 6  # of a map in JSON, down and across
_COLUMNS, _TILE, _NAME_WIDTH, _FILE_WIDTH = 3, 2.1, 20, 38  # inches of an image; columns of a class, of a file name


class Explanation(NamedTuple):
    """Which parts of an image matter for a class.

    Args:
        prediction: The prediction for the image.
        label: The class that is explained.
        pixels: The image as the network takes it, `(H, W, C)`, uint8.
        importance: The map `(H, W)`, float32: 0 for the average part of the image, above 0 what matters more for the
            class, below 0 what matters less or lowers its probability; see `eyebright.model.explain.maps`.
    """

    prediction: Prediction
    label: str
    pixels: NDArray[np.uint8]
    importance: NDArray[np.float32]

    @property
    def probability(self) -> float:
        """The probability of the class that is explained."""
        return self.prediction.probabilities[self.label]

    @property
    def name(self) -> str:
        """The name of the image."""
        return self.prediction.name

    def as_record(self) -> dict[str, Any]:
        """What `eyebright explain --json` prints: the map as rows of cells, from the top left, to 6 decimal places.

        Where the model gives no answer, `prediction` is null and `reason` says why.
        """
        height, width = self.importance.shape
        middles = [((np.arange(_CELLS) + 0.5) / _CELLS * side).astype(int) for side in (height, width)]
        cells = self.importance[np.ix_(*middles)].astype(float).round(6)
        return {
            "name": self.name.encode("utf-8", "backslashreplace").decode(),
            "class": self.label,
            "probability": self.probability,
            "prediction": self.prediction.label,
            "reason": self.prediction.reason,
            "unfamiliarity": self.prediction.unfamiliarity,
            "importance": cells.tolist(),
        }

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.importance.shape))
        return f"Explanation(label={self.label!r}, probability={self.probability:.3f}, map of {shape})"

    def _repr_png_(self) -> bytes:
        """The figure that a notebook shows."""
        return draw_explanations([self])


def draw_explanations(explanations: Sequence[Explanation]) -> bytes:
    """Images and their maps, three pairs in a row, as the content of a PNG file."""
    from matplotlib.patches import Patch

    columns = min(_COLUMNS, len(explanations))
    lines = -(-len(explanations) // columns)
    tall = max(item.pixels.shape[0] / item.pixels.shape[1] for item in explanations)
    heading = 0.55 if all(item.prediction.label is not None for item in explanations) else 0.72
    figure = new_figure((2 * _TILE + 0.3) * columns, (_TILE * tall + heading) * lines + (0.6 if columns == 1 else 0.4))
    parts = figure.subfigures(lines, columns, squeeze=False)
    for part, item in zip(parts.flat, explanations, strict=False):
        image, over = part.subplots(1, 2)
        part.suptitle(_heading(item), fontsize=10)
        _draw(image, item.pixels)
        _draw(over, overlaid(item.pixels, item.importance))
        file = shorten(printable(PurePath(item.name).name), _FILE_WIDTH)
        part.supxlabel(file, fontsize=7, color=GREY)
    colours = [
        Patch(color=ORANGE, label="matters most for the class"),
        Patch(color=BLUE, label="matters least, or lowers its probability"),
    ]
    figure.legend(handles=colours, loc="outside lower center", ncols=min(columns, 2), frameon=False, fontsize=9)
    return to_png(figure)


def _heading(item: Explanation) -> str:
    """The class and its probability; if it is not the prediction, that too; where there is no answer, why."""
    best, answered = item.prediction.best, item.prediction.label is not None
    text = f"{shorten(printable(item.label), _NAME_WIDTH)}  {percent(item.probability)}"
    if item.label != best:
        what = "predicted" if answered else "most probable"
        text += f"  ({what}: {shorten(printable(best), _NAME_WIDTH)}  {percent(item.prediction.confidence)})"
    return text if answered else f"{text}\nno answer: {item.prediction.reason}"


def _draw(axes: "Axes", pixels: NDArray[np.uint8]) -> None:
    show_pixels(axes, pixels)
    axes.set_axis_off()
