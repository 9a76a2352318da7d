"""A network as a torch module: a plain loop over its layers, weights in and out by `layer.tensor`."""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from eyebright.errors import NetworkError
from eyebright.network import (
    Add,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Normalize,
    Place,
    ReLU,
    Weights,
    check_weights,
)
from eyebright.network.layers import as_pair, padding_sides, window_geometry

Step: TypeAlias = tuple[str, Callable[..., Tensor], tuple[str, ...]]


class TorchNetwork(nn.Module):
    """Runs a network with torch.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.

    Raises:
        NetworkError: When the weights are not those of the network.
    """

    def __init__(self, network: Network, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.network = network
        modules = {name: to_torch(place.layer, place) for name, place in network.places.items()}
        self._steps: list[Step] = [(name, modules[name], place.inputs) for name, place in network.places.items()]
        self._list = nn.ModuleList(modules.values())  # registers them; a layer's name may hold dots, a module's may not
        self._tensors = {
            f"{name}.{key}": getattr(modules[name], key)
            for name, place in network.places.items()
            for key in place.parameters
        }
        self.set_weights(weights)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, samples: Tensor) -> Tensor:
        """The network's result.

        Args:
            samples: float32, `(N, C, H, W)` with values 0 to 255, or `(N, features)`; see `as_input`.

        Returns:
            float32 or, under autocast, bfloat16, `(N, *output_shape)`.
        """
        values = {self.network.input: samples}
        for name, module, sources in self._steps:
            if sources:
                values[name] = module(*[values[source] for source in sources])
        return values[self.network.output]

    def get_weights(self) -> Weights:
        """A copy of every tensor, by `layer.tensor`."""
        return {name: tensor.detach().cpu().numpy().copy(order="C") for name, tensor in self._tensors.items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the values of every tensor."""
        check_weights(self.network, weights)
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))


def as_input(samples: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    """A batch as networks take it: pictures `(N, H, W, C)` become float32 `(N, C, H, W)`, vectors stay as they are."""
    tensor = torch.from_numpy(samples)
    return tensor.permute(0, 3, 1, 2).float() if tensor.ndim == 4 else tensor.float()


@singledispatch
def to_torch(layer: Layer, place: Place) -> nn.Module:
    """The torch module of a layer; register one for a layer of your own with `to_torch.register`.

    Args:
        layer: The layer.
        place: The layer in its network: shapes of its inputs and of its result.
    """
    raise NetworkError(
        f"layers of type {type(layer).__name__} cannot run in torch: register one with to_torch.register"
    )


@to_torch.register
def _(layer: Input, place: Place) -> nn.Module:
    return nn.Identity()


class _Normalize(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self, layer: Normalize, dimensions: int) -> None:
        super().__init__()
        shape = (-1, *(1,) * (dimensions - 1))
        self.register_buffer("mean", torch.tensor(layer.mean, dtype=torch.float32).reshape(shape))
        self.register_buffer("std", torch.tensor(layer.std, dtype=torch.float32).reshape(shape))

    def forward(self, samples: Tensor) -> Tensor:
        return samples.sub(self.mean).div_(self.std)


@to_torch.register
def _(layer: Normalize, place: Place) -> nn.Module:
    return _Normalize(layer, len(place.shape))


class _Padded(nn.Module):
    """Pads by amounts that differ from side to side, which torch's own layers cannot."""

    def __init__(self, pads: list[int], value: float, inner: nn.Module) -> None:
        super().__init__()
        self.pads, self.value, self.inner = pads, value, inner
        self.weight, self.bias = getattr(inner, "weight", None), getattr(inner, "bias", None)

    def forward(self, samples: Tensor) -> Tensor:
        result: Tensor = self.inner(functional.pad(samples, self.pads, value=self.value))
        return result


def _with_padding(
    layer: Conv2d | MaxPool2d, place: Place, make: Callable[[tuple[int, int]], nn.Module], value: float
) -> nn.Module:
    """Let the layer pad where both sides are alike and torch allows it, otherwise pad before it."""
    top, left, bottom, right = padding_sides(layer, place.input_shapes[0])
    if top == bottom and left == right:
        return make((top, left))
    return _Padded([left, right, top, bottom], value, make((0, 0)))


@to_torch.register
def _(layer: Conv2d, place: Place) -> nn.Module:
    in_channels = place.input_shapes[0][0]
    # A window of one pixel has nothing to spread; told to spread it, oneDNN (as of torch 2.13) may fall over.
    sizes = zip(as_pair(layer.kernel_size), as_pair(layer.dilation), strict=True)
    vertical, horizontal = (1 if kernel == 1 else dilation for kernel, dilation in sizes)

    def make(padding: tuple[int, int]) -> nn.Module:
        return nn.Conv2d(
            in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            padding,
            (vertical, horizontal),
            layer.groups,
            layer.bias,
        )

    return _with_padding(layer, place, make, 0.0)


@to_torch.register
def _(layer: MaxPool2d, place: Place) -> nn.Module:
    kernel, stride = as_pair(layer.kernel_size), window_geometry(layer)[1]
    return _with_padding(layer, place, lambda padding: nn.MaxPool2d(kernel, stride, padding), -torch.inf)


@to_torch.register
def _(layer: ReLU, place: Place) -> nn.Module:
    return nn.ReLU()


@to_torch.register
def _(layer: Flatten, place: Place) -> nn.Module:
    return nn.Flatten()


@to_torch.register
def _(layer: Linear, place: Place) -> nn.Module:
    return nn.Linear(place.input_shapes[0][0], layer.out_features, layer.bias)


class _Dropout(nn.Module):
    """As `nn.Dropout`, with 16 random bits for each value instead of a whole draw, which takes a third of the time."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.threshold = round(p * 2**16) - 2**15
        self.scale = 1 / (1 - round(p * 2**16) / 2**16)

    def forward(self, samples: Tensor) -> Tensor:
        if not self.training or self.threshold == -(2**15):
            return samples
        bits = torch.empty(samples.numel() // 2 + 1, dtype=torch.int32).random_(-(2**31), 2**31)
        layout = torch.empty_like(samples, dtype=torch.int16)  # the mask in the samples' own memory order
        kept = bits.view(torch.int16).as_strided(layout.shape, layout.stride()) >= self.threshold
        return samples * (kept * self.scale)


@to_torch.register
def _(layer: Dropout, place: Place) -> nn.Module:
    return _Dropout(layer.p)


class _Add(nn.Module):
    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return first


@to_torch.register
def _(layer: Add, place: Place) -> nn.Module:
    return _Add()
