"""Models of other programs as classifiers."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from eyebright.data.pictures import Fit
from eyebright.model.classifier import Classifier
from eyebright.model.export.exported import ExportCard, is_export, read_export
from eyebright.model.importing.keras import keras_network
from eyebright.model.importing.keras_file import read_keras
from eyebright.model.importing.labels import class_names
from eyebright.model.importing.logits import with_logits
from eyebright.model.importing.onnx import onnx_network
from eyebright.model.importing.scales import scaled
from eyebright.model.learned import Learned
from eyebright.network import Network, Weights
from eyebright.system import files
from eyebright.system.errors import ModelError, NetworkError
from eyebright.system.text import listed


class ImportedNetwork(NamedTuple):
    """What a file of another program contains.

    Args:
        network: Its network, on images in channels first.
        weights: The weights.
        writer: The program and its version.
    """

    network: Network
    weights: Weights
    writer: str


def import_model(
    path: str | os.PathLike[str],
    *,
    scale: str = "",
    classes: str | os.PathLike[str] | Sequence[str] = "",
    resize: Fit | None = None,
    size: tuple[int, int] | None = None,
) -> Classifier:
    """Read a model that another program has trained. No code in it is run, and that program is not needed.

    Args:
        path: A file of Keras, `.keras` or the older `.h5`, or an ONNX classifier, `.onnx`.
        scale: How the pixels were scaled in its training, unless its own layers do that: a name of `SCALES`, such as
            "0-1", "-1-1" or "imagenet".
        classes: The names of the classes in the order of its outputs, a file with one name a line, or "numbered" for
            class_0, class_1, ...; unless given, those of the exported folder that the file is in, or labels.txt beside
            the file.
        resize: How images were resized in its training: "stretch" as Keras does, "crop" as Teachable Machine, or "pad".
            None: as the exported folder says that the file is in, or else "stretch".
        size: Height and width of the images, for a model that takes any.

    Returns:
        A classifier that answers as the model does, and can be saved, evaluated and trained further.

    Raises:
        ModelError: When the file is damaged or unsafe, something in it is not supported, or something must be said.
        SettingsError: When the scale has an unknown name.
        MissingExtraError: When h5py is needed and not installed.
    """
    place = files.as_path(path, "a file such as model.keras", ModelError)
    read = _READERS.get(place.suffix.lower())
    if read is None:
        raise ModelError(f"{place} is not a model that can be imported: expected a file {listed(list(_READERS), 10)}")
    try:
        found = read(place, size)
        if size is not None and found.network.input_shape[1:] != size:
            height, width = found.network.input_shape[1:]
            raise ModelError(f"it takes images of {width}x{height} pixels only: leave out --size")
        network, weights = with_logits(*scaled(found.network, found.weights, scale))
    except (ModelError, NetworkError) as problem:
        raise ModelError(f"{place}: {problem}" if str(place) not in str(problem) else str(problem)) from problem
    card = _export_of(place)
    names = class_names(place, classes or (card.classes if card else ""), network.output_shape[0])
    fit = resize or (card.preparation.fit if card else "stretch")
    model = Classifier(network, names, weights=weights, resize=fit)
    model.learned = Learned(imported=f"{place.name} ({found.writer})")
    return model


def _export_of(path: Path) -> ExportCard | None:
    """What the folder that `eyebright export` has written says of a file in it; None of another file."""
    return read_export(path.parent).card if is_export(path.parent) else None


def _of_keras(path: Path, size: tuple[int, int] | None) -> ImportedNetwork:
    stored = read_keras(path)
    return ImportedNetwork(*keras_network(stored, size), f"Keras {stored.version}".strip())


def _of_onnx(path: Path, size: tuple[int, int] | None) -> ImportedNetwork:
    if not path.is_file():
        raise ModelError(f"{path} does not exist: expected an ONNX file")
    return ImportedNetwork(*onnx_network(path, size))


_READERS: dict[str, Callable[[Path, tuple[int, int] | None], ImportedNetwork]] = {
    ".keras": _of_keras, ".h5": _of_keras, ".hdf5": _of_keras, ".onnx": _of_onnx,
}  # fmt: skip
