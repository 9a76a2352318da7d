"""Looking inside: what a command's MODEL or NETWORK stands for, its kernels, and what its layers make of a picture."""

import functools
import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.engine import Engine
from eyebright.model.folder import read_model
from eyebright.model.plain import is_plain, read_plain
from eyebright.network import Conv2d, Network, Weights, zoo
from eyebright.system import files, text
from eyebright.system.errors import MissingExtraError, ModelError, NetworkError, PictureError, SettingsError

_SHOWN = 20


class Subject(NamedTuple):
    """A network to look at.

    Args:
        network: The network.
        weights: Gives its weights; initial ones where nobody has trained it.
        preparation: How pictures are brought to it; None for networks on anything else.
        onnx: Its graph on the disk, if it has one.
        trained: Whether the weights come from a model or a file.
        classes: What the network's result stands for, if that is known.
    """

    network: Network
    weights: Callable[[], Weights]
    preparation: Preparation | None
    onnx: Path | None
    trained: bool
    classes: tuple[str, ...] = ()


def find(target: str, *, size: int | None = None, classes: int | None = None, weights: str = "") -> Subject:
    """What a folder, a file of JSON or a name stands for.

    Args:
        target: A model's folder, a run, a network's JSON, or a name from the zoo.
        size: For a name: pixels a side; as published unless given.
        classes: For a name: number of classes; as published unless given.
        weights: For a name or JSON: "published" for those trained on ImageNet, or a file; initial ones unless given.

    Raises:
        SettingsError: When something is given that the target has of its own.
        ModelError: When the folder holds no sound model.
        NetworkError: When there is no such name, the JSON is no network, or the weights do not fit.
        DownloadError: When published weights cannot be had.
    """
    path = files.standing(Path(target))
    named = not path.exists() and path.suffix != ".json"
    if not named and (size is not None or classes is not None):
        raise SettingsError(f"--size and --classes belong to a network's name; {target} has its own")
    if path.is_dir():
        if weights:
            raise SettingsError(f"--weights belongs to a network's name or JSON; {target} has its own")
        return _of_folder(path)
    network = _of_name(target, size, classes) if named else Network.from_file(path)
    start = functools.partial(zoo.start_weights, network, weights, name=target)
    return Subject(network, start, _preparation(network), None, trained=bool(weights))


def kernels(subject: Subject, layer: str) -> NDArray[np.float32]:
    """The kernels of a convolution, `(out_channels, in_channels / groups, height, width)`.

    Raises:
        NetworkError: When there is no such layer (the nearest is named), or it is no convolution (they are listed).
    """
    found = subject.network.layer(layer)
    if not isinstance(found, Conv2d):
        known = [name for name, place in subject.network.places.items() if isinstance(place.layer, Conv2d)]
        more = f", and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        listed = f"the convolutions are {', '.join(known[:_SHOWN])}{more}" if known else "the network has none"
        raise NetworkError(f"{layer} is a {type(found).__name__}, and only convolutions have kernels: {listed}")
    return subject.weights()[f"{layer}.weight"]


def activations(subject: Subject, picture: Path, layer: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What a layer makes of a picture.

    Returns:
        The picture as the network sees it, `(H, W, 3)`, and the layer's result for it, `(C, H, W)` or `(features,)`.

    Raises:
        NetworkError: When there is no such layer, or the network takes no pictures.
        PictureError: When the picture cannot be opened; the message names it.
    """
    from eyebright.network.onnx import to_onnx

    part = subject.network.up_to(layer)
    if subject.preparation is None:
        raise NetworkError(f"the network takes {subject.network.input_shape}, no pictures: it has no maps")
    try:
        pixels = open_picture(picture, subject.preparation)
    except PictureError as problem:
        raise PictureError(f"{picture}: {problem}") from problem
    if part.input_shape[0] == 1:
        pixels = np.repeat(np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None], 3, axis=2)
    weights = subject.weights()
    graph = to_onnx(part, {name: weights[name] for name in part.tensors})
    engine = Engine.of_bytes(graph.SerializeToString(deterministic=True))
    return pixels, engine(pixels[None, :, :, : part.input_shape[0]])[0]


def open_netron(subject: Subject, *, say: Callable[[str], None]) -> None:
    """Show the ONNX graph in Netron, in the browser, until Ctrl-C.

    Args:
        subject: What to show.
        say: Receives a line with the address.

    Raises:
        MissingExtraError: When Netron is not installed.
    """
    from eyebright.network.onnx import to_onnx

    try:
        netron = importlib.import_module("netron")
    except ModuleNotFoundError as problem:
        raise MissingExtraError("Netron is not installed: pip install 'eyebright[netron]'") from problem
    with tempfile.TemporaryDirectory() as folder:
        file = subject.onnx or Path(folder, "network.onnx")
        if subject.onnx is None:
            file.write_bytes(to_onnx(subject.network, subject.weights()).SerializeToString(deterministic=True))
        host, port = netron.start(str(file))
        say(f"Netron shows it at http://{host}:{port}; Ctrl-C ends it.")
        netron.wait()


def _of_folder(path: Path) -> Subject:
    if is_plain(path):
        network, weights = read_plain(path)
        return Subject(network, lambda: weights, _preparation(network), path / "network.onnx", trained=True)
    stored = read_model(path)
    card = stored.card
    return Subject(
        stored.network, stored.weights, card.preparation, stored.onnx_path, trained=True, classes=card.classes
    )


def _of_name(name: str, size: int | None, classes: int | None) -> Network:
    if len(Path(name).parts) > 1:
        raise ModelError(f"{name} does not exist: give a model's folder, a run, a network's JSON or its name")
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
    """Pictures cropped to the input's size; None where the input is neither in colour nor in grey."""
    if len(network.input_shape) != 3 or network.input_shape[0] not in (1, 3):
        return None
    return Preparation(width=network.input_shape[2], height=network.input_shape[1])
