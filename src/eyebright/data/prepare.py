"""Pictures as a model takes them: prepared, labelled by the names of its classes, split into sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.runs import audit
from eyebright.system.errors import DataError
from eyebright.training.events import Emit, Progress, Streaming


class Prepared(NamedTuple):
    """Pictures, ready to be learned from.

    Args:
        pack: The prepared pictures.
        labels: For each picture the position of its class among the classifier's, `(N,)`.
        sides: For each picture its side as a position in `SIDES`, `(N,)`; -1 where it is left out.
    """

    pack: Pack
    labels: NDArray[np.int64]
    sides: NDArray[np.int64]


def prepare(pictures: Dataset, preparation: Preparation, classes: Sequence[str], emit: Emit | None) -> Prepared:
    """Pictures for a training: those that show the same are kept on one side.

    Raises:
        DataError: When they cannot be learned from.
    """
    pictures.require_trainable()
    pack = packed(pictures, preparation, emit)
    audit.keep_together(pictures, pack, emit)
    if emit is not None and pack.streamed:
        emit(Streaming(pictures=len(pack.rows), size_bytes=len(pack.rows) * preparation.size_bytes))
    return Prepared(pack, labels_among(pictures, classes), pictures.split(pack))


def packed(pictures: Dataset, preparation: Preparation, emit: Emit | None) -> Pack:
    """The pack of all pictures, as `Dataset.pack`; tells the progress."""
    return pictures.pack(
        preparation, None if emit is None else lambda done, of: emit(Progress(stage="preparing", done=done, of=of))
    )


def labels_among(pictures: Dataset, classes: Sequence[str]) -> NDArray[np.int64]:
    """Labels of the pictures as positions among the classes of a model: by name, whatever their order, `(N,)`.

    Raises:
        DataError: When the pictures have a class that the model does not know.
    """
    unknown = [name for name in pictures.classes if name not in classes]
    if unknown:
        raise DataError(
            f"the pictures have classes that the model does not know: {', '.join(unknown)}; "
            f"the model knows {', '.join(classes)}; the pictures have {', '.join(pictures.classes)}"
        )
    return np.array([classes.index(name) for name in pictures.classes], np.int64)[pictures.labels]
