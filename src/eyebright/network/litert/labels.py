"""The names of the classes inside a LiteRT model, where Android Studio and LiteRT's task libraries look for them.

A table says what the input and the outputs are, and that labels.txt names the probabilities; labels.txt is in a ZIP
archive behind the model, so that the file is both.

Source: metadata_schema.fbs of TensorFlow Lite Support (identifier M001).
"""

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from eyebright.network.answering import ANSWER, PROBABILITIES
from eyebright.network.litert.flatbuffer import Table, serialized

METADATA, LABELS = "TFLITE_METADATA", "labels.txt"
_RGB, _GREY, _IMAGE = 1, 2, 2
_AXIS_LABELS, _VALUE_LABELS = 2, 3
_FILES = {PROBABILITIES: _AXIS_LABELS, ANSWER: _VALUE_LABELS}


def described(inputs: Sequence[str], outputs: Sequence[str], *, channels: int) -> bytes:
    """The table that says what the tensors of a model are.

    Args:
        inputs: Names of the inputs, which are images.
        outputs: Names of the outputs.
        channels: Of the images: 3 or 1.
    """
    image = {0: np.uint8(_IMAGE), 1: {0: np.int8(_GREY if channels == 1 else _RGB)}}
    files = {name: [{0: LABELS, 2: np.int8(kind)}] for name, kind in _FILES.items()}
    graph: Table = {
        2: [{0: name, 3: image} for name in inputs],
        3: [{0: name} | ({6: files[name]} if name in files else {}) for name in outputs],
    }
    return serialized({3: [graph], 7: "1.0.0"}, "M001")


def with_labels(model: bytes, classes: Sequence[str]) -> bytes:
    """A model with labels.txt, one class a line, in an archive at its end; as it is without classes."""
    if not classes:
        return model
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS), "".join(f"{name}\n" for name in classes))  # dated 1980
    return file.getvalue()
