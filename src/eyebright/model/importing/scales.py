"""The values that a network was trained with: pixels of 0 to 255, or scaled in one of the usual ways.

Networks here take pixels. Where a file says how they are scaled, its network begins with that; otherwise the user has
to say it, since a wrong scale gives wrong answers without an error.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from eyebright.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Layer,
    MaxPool2d,
    Network,
    Normalize,
    ReLU,
    ReLU6,
    Weights,
    ZeroPad2d,
)
from eyebright.network.layers.windows import as_tuple
from eyebright.network.wiring import Names
from eyebright.system.errors import ModelError, SettingsError
from eyebright.system.text import nearest

_LEAST_OF_PIXELS = 2.0  # a mean or divisor above it is of pixels from 0 to 255, not of values from 0 or -1 to 1


class PixelScale(NamedTuple):
    """How pixels are scaled.

    Args:
        mean: What is subtracted from red, green and blue.
        std: What the result is divided by.
        text: In words, and who uses it.
        reversed: Whether blue comes first.
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    text: str
    reversed: bool = False


SCALES = {
    "0-255": PixelScale(0.0, 1.0, "pixels as they are"),
    "0-1": PixelScale(0.0, 255.0, "divided by 255"),
    "-1-1": PixelScale(127.5, 127.5, "divided by 127.5, minus 1: Teachable Machine, MobileNet, Xception"),
    "imagenet": PixelScale(
        (123.675, 116.28, 103.53), (58.395, 57.12, 57.375),
        "ImageNet's mean and deviation: torchvision, timm, DenseNet",
    ),
    "imagenet-caffe": PixelScale(
        (123.68, 116.779, 103.939), 1.0, "minus ImageNet's mean, blue first: Keras's ResNet and VGG", reversed=True
    ),
}  # fmt: skip


def scaled(network: Network, weights: Weights, scale: str) -> tuple[Network, Weights]:
    """A network that takes pixels from 0 to 255.

    Args:
        network: A network that takes values of this scale.
        weights: Its weights.
        scale: A name of `SCALES`; "" if its first layers scale them.

    Raises:
        ModelError: When no scale is given and the network has none, or it is given and the network has one.
        SettingsError: When there is no scale of this name.
    """
    has_own = takes_pixels(network)
    if not scale and not has_own:
        choices = "\n".join(f"  {name:15} {each.text}" for name, each in SCALES.items())
        raise ModelError(
            f"it does not say how the pixels were scaled in its training: add --scale with one of\n{choices}"
        )
    if not scale or scale == "0-255":
        return network, weights
    if scale not in SCALES:
        raise SettingsError(f"unknown scale {scale!r}: {nearest(scale, list(SCALES))}")
    if has_own:
        raise ModelError(f"its first layers scale the pixels: leave out --scale {scale}")
    chosen = SCALES[scale]
    if chosen.reversed:
        network, weights = _with_reversed_channels(network, weights)
    return _after(Normalize(chosen.mean, chosen.std, name=Names(network.places).fresh("scale")), network), weights


def takes_pixels(network: Network) -> bool:
    """Whether a network begins with a layer that scales pixels from 0 to 255."""
    name = network.input
    while True:
        readers = [other for other, place in network.places.items() if name in place.inputs]
        layer = network.layer(readers[0]) if len(readers) == 1 else None
        if isinstance(layer, Normalize):
            return max(*map(abs, as_tuple(layer.mean)), *as_tuple(layer.std), 0.0) >= _LEAST_OF_PIXELS
        if not isinstance(layer, ZeroPad2d):
            return False
        name = readers[0]


def _after(layer: Layer, network: Network) -> Network:
    """The network with a layer between its input and those that read it."""
    wiring = {name: tuple(str(layer.name) if source == network.input else source for source in sources)
              for name, sources in network.wiring.items()}  # fmt: skip
    layers = [place.layer for place in network.places.values()]
    return Network.from_layers(
        [layers[0], layer, *layers[1:]], wiring | {str(layer.name): (network.input,)}, network.output
    )


_KEEPING = (ZeroPad2d, Dropout, ReLU, ReLU6, MaxPool2d, AvgPool2d)  # each channel by itself, all alike


def _with_reversed_channels(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """The same network for images with red first, where it takes blue first: its first weights are turned."""
    turned, weights = {network.input}, dict(weights)
    layers = []
    for name, place in network.places.items():
        layer = place.layer
        if turned & set(place.inputs):
            if isinstance(layer, Conv2d) and layer.groups == 1:
                weights[f"{name}.weight"] = np.ascontiguousarray(weights[f"{name}.weight"][:, ::-1])
            elif isinstance(layer, (Normalize, BatchNorm, *_KEEPING)):
                turned.add(name)
                weights |= {f"{name}.{key}": weights[f"{name}.{key}"][::-1].copy() for key in place.tensors}
            else:
                raise ModelError(f"the channels of its images cannot be turned: {name!r} reads them, not a convolution")
        if isinstance(layer, Normalize) and name in turned:
            mean, std = (value[::-1] if isinstance(value, tuple) else value for value in (layer.mean, layer.std))
            layer = msgspec.structs.replace(layer, mean=mean, std=std)
        layers.append(layer)
    return Network.from_layers(layers, network.wiring, network.output), weights
