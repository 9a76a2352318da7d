"""A network as a torch module: a plain loop over its layers, with weights in and out by `layer.tensor`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import singledispatch
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eyebright.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Place,
    ReLU,
    ReLU6,
    Weights,
    check_weights,
)
from eyebright.network.answering import features_place
from eyebright.network.torch import onednn
from eyebright.network.wiring import ancestors
from eyebright.system.errors import NetworkError

_OVERWRITABLE = (Conv2d, BatchNorm, Linear, Add, Concat, MaxPool2d)  # their gradients do not need their outputs


@singledispatch
def to_torch(layer: Layer, place: Place) -> nn.Module:
    """The torch module of a layer. Register a function for your own layer with `to_torch.register`.

    The module's parameters and buffers have the names that `Layer.parameters` and `Layer.buffers` give them; their
    values do not matter, since `TorchNetwork` replaces them by the weights of the network.

    Args:
        layer: The layer.
        place: The layer in its network: the shapes of its inputs and output.
    """
    raise NetworkError(
        f"a layer of type {type(layer).__name__} cannot run in torch: register a function with to_torch.register"
    )


class _Step(NamedTuple):
    """The computation of one layer: its input layers, and those whose values no later layer reads."""

    name: str
    module: Callable[..., Tensor]
    sources: tuple[str, ...]
    finished: tuple[str, ...]


class TorchNetwork(nn.Module):
    """A network that runs in torch.

    Args:
        network: The network.
        weights: Its tensors by `layer.tensor`.

    Raises:
        NetworkError: If the weights do not fit the network.
    """

    def __init__(self, network: Network, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.network = network
        self._frozen: list[nn.Module] = []
        modules = {name: to_torch(place.layer, place) for name, place in network.places.items()}
        _overwrite_inputs(network, modules)
        self._steps = _steps(network, modules, network.places.keys())
        self._chained = _chained(network, modules, self._steps)
        self._from: dict[frozenset[str], list[_Step]] = {}
        self._list = nn.ModuleList(
            modules.values()
        )  # registers them; unlike a layer's name, a module's may not contain dots
        self._owners = {
            f"{name}.{key}": (modules[name], key) for name, place in network.places.items() for key in place.tensors
        }
        check_weights(network, weights)
        for name, (module, key) in self._owners.items():
            tensor = _channels_last(weights[name])
            setattr(module, key, nn.Parameter(tensor) if isinstance(getattr(module, key), nn.Parameter) else tensor)

    def forward(self, samples: Tensor) -> Tensor:
        """The output of the network for a batch.

        Args:
            samples: float32 `(N, C, H, W)` with values 0 to 255, or `(N, features)`; see `as_input`.

        Returns:
            `(N, *output_shape)`, float32 or, under autocast, bfloat16.
        """
        steps = self._chained if samples.is_cpu else self._steps
        return self._values({self.network.input: samples}, steps)[self.network.output]

    def layers(self, samples: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs of these layers, each `(N, *shape)`; layers that they do not need are not computed.

        Raises:
            NetworkError: If there is no layer of such a name.
        """
        for name in names:
            self.network.layer(name)
        wiring = {name: place.inputs for name, place in self.network.places.items()}
        needed = frozenset().union(*(ancestors(name, wiring) for name in names))
        return self._values({self.network.input: samples}, self._steps_of(needed), names)

    def from_values(self, values: Mapping[str, Tensor]) -> Tensor:
        """The output of the network, from the values of inner layers instead of from images.

        Args:
            values: By the name of each layer its value `(N, *shape)`. Together they must decide the output.

        Raises:
            NetworkError: If the output also depends on other layers that read the input.
        """
        needed = self._needed(frozenset(values))
        overwritten = {step.sources[0] for step in needed if getattr(step.module, "inplace", False)}
        given = {name: value.clone() if name in overwritten else value for name, value in values.items()}
        return self._values(given, needed)[self.network.output]

    def with_features(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The output as `forward` gives it, and the features `(N, features)`; see `features_place`."""
        name, place = features_place(self.network)
        values = self._values({self.network.input: samples}, self._steps, [name])
        features = values[name] if len(place.shape) == 1 else values[name].mean(dim=(2, 3))
        return values[self.network.output], features

    def _needed(self, given: frozenset[str]) -> list[_Step]:
        """The steps that lead from the values of given layers to the output."""
        if given not in self._from:
            for name in given:
                self.network.layer(name)
            wiring = {name: () if name in given else place.inputs for name, place in self.network.places.items()}
            needed = ancestors(self.network.output, wiring)
            if self.network.input in needed - given:
                raise NetworkError(
                    f"the output {self.network.output!r} does not follow from the values of {', '.join(sorted(given))}"
                )
            self._from[given] = self._steps_of(needed - given)
        return self._from[given]

    def _steps_of(self, names: Collection[str]) -> list[_Step]:
        """The computation of some of the layers."""
        return _steps(self.network, dict(zip(self.network.places, self._list, strict=True)), names)

    def _values(self, values: dict[str, Tensor], steps: list[_Step], kept: Collection[str] = ()) -> dict[str, Tensor]:
        """The values that no step reads, and those to be kept."""
        for name, module, sources, finished in steps:
            read = [values[source] for source in sources]
            if sources[0] in kept and getattr(module, "inplace", False):
                read[0] = read[0].clone()
            values[name] = module(*read)
            for source in finished:
                if source not in kept:
                    del values[source]
        return values

    def get_weights(self) -> Weights:
        """A copy of every tensor, by `layer.tensor`."""
        return {name: tensor.detach().cpu().numpy().copy(order="C") for name, tensor in self.named_tensors()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace the values of every tensor; a `NetworkError` if they do not fit the network."""
        check_weights(self.network, weights)
        with torch.no_grad():
            for name, tensor in self.named_tensors():
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))

    def freeze(self, layers: Collection[str]) -> None:
        """Freeze these layers: no gradients, and batch norms use their running statistics and do not update them."""
        for name, (module, key) in self._owners.items():
            if name.rpartition(".")[0] in layers:
                getattr(module, key).requires_grad_(False)
                self._frozen.append(module)

    def keep_statistics(self) -> None:
        """Freeze the running statistics of all batch norms: they are used in training, and not updated."""
        self._frozen += [module for module in self._list if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]

    def train(self, mode: bool = True) -> "TorchNetwork":
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors themselves, parameters and running statistics, by `layer.tensor`."""
        return ((name, getattr(module, key)) for name, (module, key) in self._owners.items())


def _channels_last(values: NDArray[np.float32]) -> Tensor:
    """A copy as a tensor in channels-last order, which convolutions prefer; made by NumPy, which starts no threads."""
    if values.ndim != 4:
        return torch.from_numpy(np.array(values, np.float32))
    return torch.from_numpy(np.array(values.transpose(0, 2, 3, 1), np.float32, order="C")).permute(0, 3, 1, 2)


def _overwrite_inputs(network: Network, modules: Mapping[str, nn.Module]) -> None:
    """Let activations overwrite their input where no other layer reads it and no gradient needs it."""
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    for name, place in network.places.items():
        if isinstance(place.layer, ReLU | ReLU6):
            (source,) = place.inputs
            overwritable = readers[source] == 1 and isinstance(network.places[source].layer, _OVERWRITABLE)
            modules[name].inplace = overwritable  # type: ignore[assignment]


def _steps(network: Network, modules: Mapping[str, nn.Module], names: Collection[str]) -> list[_Step]:
    """The computation of these layers."""
    places = {name: place for name, place in network.places.items() if name in names and place.inputs}
    last_reader = {source: name for name, place in places.items() for source in place.inputs}
    return [
        _Step(name, modules[name], place.inputs, tuple(s for s in set(place.inputs) if last_reader[s] == name))
        for name, place in places.items()
    ]


def _chained(network: Network, modules: Mapping[str, nn.Module], steps: list[_Step]) -> list[_Step]:
    """The steps for a processor: those that oneDNN computes faster together are one."""
    blocks = onednn.blocks_on_images(network, modules) if onednn.usable() else []
    if not blocks:
        return steps
    names = [name for block in blocks for name in block.names]
    first = next(step for step in steps if step.name == names[0])
    chain = first._replace(name=names[-1], module=onednn.Chain(blocks))
    return [chain if step is first else step for step in steps if step is first or step.name not in names]


def as_input(samples: NDArray[np.uint8] | NDArray[np.float32] | Tensor) -> Tensor:
    """A batch as `TorchNetwork` takes it, on the device of the samples.

    Args:
        samples: Images `(N, H, W, C)` or vectors `(N, features)`.

    Returns:
        float32, images as `(N, C, H, W)` in channels-last order.
    """
    tensor = samples if isinstance(samples, Tensor) else torch.from_numpy(samples)
    return tensor.permute(0, 3, 1, 2).float() if tensor.ndim == 4 else tensor.float()
