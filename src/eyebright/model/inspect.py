"""Inspecting a network: how it is loaded, its kernels, its activations for an image, and its graph in Netron."""

import functools
import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation, open_picture
from eyebright.data.pictures.preparation import takes_images
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.folder import ONNX, read_model
from eyebright.model.plain import is_plain, read_plain
from eyebright.network import Conv2d, Network, Weights, zoo
from eyebright.system import files, text
from eyebright.system.errors import MissingExtraError, ModelError, NetworkError, PictureError, SettingsError

FOREIGN = (".onnx", ".keras", ".h5", ".pb", ".tflite", ".xml", ".mlmodel", ".mlpackage", ".pt2", ".pte")
"""Endings of files of other programs that Netron shows."""
_SHOWN = 20


class LoadedNetwork(NamedTuple):
    """A network to inspect.

    Args:
        network: The network.
        weights: Reads its weights, or initialises them if it is not trained.
        preparation: Size and resizing of the images; None for a network that does not take images.
        onnx: Its ONNX file, if there is one.
        trained: Whether the weights come from a model or a file.
        classes: Names of the classes, if they are known.
    """

    network: Network
    weights: Callable[[], Weights]
    preparation: Preparation | None
    onnx: Path | None
    trained: bool
    classes: tuple[str, ...] = ()


def load_network(
    target: str, *, size: int | None = None, classes: int | None = None, weights: str = ""
) -> LoadedNetwork:
    """Load the network of a model, of a JSON file or of the zoo.

    Args:
        target: The folder of a model or a run, a JSON file, or a name from the zoo.
        size: For a name: width and height of the images in pixels; as published unless given.
        classes: For a name: number of classes; as published unless given.
        weights: For a name or JSON: "published" for weights trained on ImageNet, or a file; initialised unless given.

    Raises:
        SettingsError: When `size`, `classes` or `weights` is given for a target that has its own.
        ModelError: When the folder does not contain a valid model.
        NetworkError: When the name is unknown, the JSON is not a network, or the weights do not fit.
        DownloadError: When published weights are not available.
    """
    path = files.current_folder(Path(target))
    named = not path.exists() and path.suffix != ".json"
    if not named and (size is not None or classes is not None):
        raise SettingsError(f"--size and --classes need the name of a network; {target} has its own")
    if path.is_dir():
        if weights:
            raise SettingsError(f"--weights needs the name or JSON of a network; {target} has its own")
        return _from_folder(path)
    network = _from_zoo(target, size, classes) if named else Network.from_file(path)
    start = functools.partial(zoo.start_weights, network, weights, name=target)
    return LoadedNetwork(network, start, _preparation(network), None, trained=bool(weights))


def kernels(subject: LoadedNetwork, layer: str) -> NDArray[np.float32]:
    """The kernels of a convolution, `(out_channels, in_channels / groups, height, width)`.

    Raises:
        NetworkError: When there is no layer of this name, or it is not a convolution.
    """
    found = subject.network.layer(layer)
    if not isinstance(found, Conv2d):
        known = [name for name, place in subject.network.places.items() if isinstance(place.layer, Conv2d)]
        hint = f"the convolutions are {text.listed(known, _SHOWN)}" if known else "the network has none"
        raise NetworkError(f"{layer} is a {type(found).__name__}, and only convolutions have kernels: {hint}")
    return subject.weights()[f"{layer}.weight"]


def activations(subject: LoadedNetwork, picture: Path, layer: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The output of a layer for an image.

    Returns:
        The prepared image `(H, W, C)`, uint8, and the output of the layer, `(C, H, W)` or `(features,)`, float32.

    Raises:
        NetworkError: When there is no layer of this name, or the network does not take images.
        PictureError: When the image cannot be opened; the message names it.
    """
    part = subject.network.up_to(layer)
    if subject.preparation is None:
        raise NetworkError(
            f"the network takes {subject.network.input_shape}, not images: it has no feature maps to draw"
        )
    try:
        pixels = open_picture(picture, subject.preparation)
    except PictureError as problem:
        raise PictureError(f"{picture}: {problem}") from problem
    weights = subject.weights()
    engine = Engine.of_bytes(onnx_graph(part, {name: weights[name] for name in part.tensors}))
    return pixels, engine(pixels[None])[0]


def is_foreign(path: Path) -> bool:
    """Whether this is a file of another program that Netron shows."""
    return path.is_file() and path.suffix.lower() in FOREIGN


def open_netron(subject: LoadedNetwork | Path, *, say: Callable[[str], None]) -> None:
    """Show a network with Netron in the browser, until Ctrl-C.

    Args:
        subject: The network, whose ONNX graph is shown, or a file of another program.
        say: Receives the message with the address.

    Raises:
        MissingExtraError: When Netron is not installed.
    """
    try:
        netron = importlib.import_module("netron")
    except ModuleNotFoundError as problem:
        raise MissingExtraError("Netron is not installed: pip install 'eyebright[netron]'") from problem
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(subject, LoadedNetwork):
            file = subject.onnx or Path(folder, "network.onnx")
            if subject.onnx is None:
                file.write_bytes(onnx_graph(subject.network, subject.weights()))
        elif subject.suffix == ".html":  # a page of `eyebright export --to web` has its graph inside
            from eyebright.report.pages.classifier import network_of

            with files.read_errors(subject, ModelError):
                page = subject.read_bytes()
            file = Path(folder, "network.onnx")
            file.write_bytes(network_of(page, str(subject)))
        else:
            file = subject
        host, port = netron.start(str(file))
        say(f"Netron shows the network at http://{host}:{port} (press Ctrl-C to stop)")
        netron.wait()


def _from_folder(path: Path) -> LoadedNetwork:
    if is_plain(path):
        network, weights = read_plain(path)
        return LoadedNetwork(network, lambda: weights, _preparation(network), path / ONNX, trained=True)
    stored = read_model(path)
    return LoadedNetwork(
        stored.network, stored.weights, stored.card.preparation, stored.onnx_path, True, stored.card.classes
    )


def _from_zoo(name: str, size: int | None, classes: int | None) -> Network:
    if len(Path(name).parts) > 1:
        raise ModelError(
            f"{name} does not exist: give the folder of a model or run, or the JSON file or name of a network"
        )
    if name not in zoo.NETWORKS:
        known = text.nearest(name, list(zoo.NETWORKS))
        raise NetworkError(f"there is no folder, file or network {name!r}: {known} (eyebright networks lists them)")
    named = zoo.named_network(name)
    return named.build(
        named.num_classes if classes is None else classes,
        input_size=named.input_size if size is None else size,
        channels=named.channels,
    )


def _preparation(network: Network) -> Preparation | None:
    """Images cropped to the size of the input; None if the input has neither one nor three channels."""
    if not takes_images(network.input_shape):
        return None
    return Preparation.of_input(network.input_shape)
