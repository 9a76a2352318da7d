"""From images to explanations: the prediction for each, and the map of what matters for a class."""

from collections.abc import Iterable, Iterator

import numpy as np

from eyebright.data.pictures import ImageInput, open_picture
from eyebright.model.explain.maps import explain
from eyebright.model.predictor import Predictor
from eyebright.model.stream import LazyImage, loaded
from eyebright.report.explanations import Explanation
from eyebright.system.errors import DownloadError, ModelError, PictureError
from eyebright.system.text import nearest
from eyebright.trust.prediction import Unreadable


def explain_image(predictor: Predictor, source: ImageInput, label: str | None = None, name: str = "") -> Explanation:
    """Which parts of an image matter for a class.

    Args:
        predictor: The model.
        source: A path, bytes, an open file, an image of Pillow, or pixels.
        label: The class to explain; the most probable one unless given.
        name: The name of the image in its prediction.

    Raises:
        ModelError: When the model has no class of this name.
        PictureError: When the image cannot be opened.
    """
    require_class(predictor, label)
    pixels = open_picture(source, predictor.preparation)
    (prediction,) = predictor.predict_prepared([name], pixels[None])
    label = prediction.best if label is None else label
    asked = np.array([predictor.classes.index(label)])
    return Explanation(prediction, label, pixels, explain(predictor.quick_probabilities, pixels[None], asked)[0])


def explain_images(
    predictor: Predictor, images: Iterable[tuple[str, LazyImage]], label: str | None = None
) -> Iterator[Explanation | Unreadable]:
    """Explain each (name, image), in their order; errors as in `explain_image`, but images may be unreadable."""
    for name, image in images:
        try:
            yield explain_image(predictor, loaded(image), label, name)
        except (PictureError, DownloadError) as problem:
            yield Unreadable(name=name, error=str(problem))


def require_class(predictor: Predictor, label: str | None) -> None:
    """Raise a `ModelError` where the model has no class of this name."""
    if label is not None and label not in predictor.classes:
        raise ModelError(f"the model has no class {label!r}: {nearest(label, list(predictor.classes))}")
