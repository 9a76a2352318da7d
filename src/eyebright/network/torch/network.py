"""A network as a torch module: a plain loop over its layers, weights in and out by `layer.tensor`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
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
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    ReLU6,
    Weights,
    check_weights,
)
from eyebright.network.torch.build import to_torch

_UNUSED_IN_BACKWARD = (Conv2d, BatchNorm, Linear, Add, Concat, MaxPool2d)  # layers whose gradient needs no result


class _Step(NamedTuple):
    """One layer's turn: whose values it reads, and whose values nobody reads after it."""

    name: str
    module: Callable[..., Tensor]
    sources: tuple[str, ...]
    finished: tuple[str, ...]


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
        self._frozen: list[nn.Module] = []
        modules = {name: to_torch(place.layer, place) for name, place in network.places.items()}
        _work_in_place(network, modules)
        self._steps = _steps(network, modules)
        self._list = nn.ModuleList(modules.values())  # registers them; a layer's name may hold dots, a module's may not
        self._owners = {
            f"{name}.{key}": (modules[name], key) for name, place in network.places.items() for key in place.tensors
        }
        check_weights(network, weights)
        for name, (module, key) in self._owners.items():
            tensor = _channels_last(weights[name])
            setattr(module, key, nn.Parameter(tensor) if isinstance(getattr(module, key), nn.Parameter) else tensor)

    def forward(self, samples: Tensor) -> Tensor:
        """The network's result.

        Args:
            samples: float32, `(N, C, H, W)` with values 0 to 255, or `(N, features)`; see `as_input`.

        Returns:
            float32 or, under autocast, bfloat16, `(N, *output_shape)`.
        """
        values = {self.network.input: samples}
        for name, module, sources, finished in self._steps:
            values[name] = module(*[values[source] for source in sources])
            for source in finished:
                del values[source]
        return values[self.network.output]

    def get_weights(self) -> Weights:
        """A copy of every tensor, by `layer.tensor`."""
        return {name: tensor.detach().cpu().numpy().copy(order="C") for name, tensor in self.named_tensors()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the values of every tensor."""
        check_weights(self.network, weights)
        with torch.no_grad():
            for name, tensor in self.named_tensors():
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))

    def freeze(self, layers: Collection[str]) -> None:
        """Keep these layers as they are: no gradients, and batch norms use the statistics that they have."""
        for name, (module, key) in self._owners.items():
            if name.rpartition(".")[0] in layers:
                getattr(module, key).requires_grad_(False)
                self._frozen.append(module)

    def keep_statistics(self) -> None:
        """Let all batch norms use the statistics that they have, and keep them."""
        self._frozen += [module for module in self._list if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]

    def train(self, mode: bool = True) -> "TorchNetwork":
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors themselves, learned ones and running statistics, by `layer.tensor`."""
        return ((name, getattr(module, key)) for name, (module, key) in self._owners.items())


def _channels_last(values: NDArray[np.float32]) -> Tensor:
    """A copy as a tensor, in the order of memory that convolutions like; by numpy, which calls no threads together."""
    if values.ndim != 4:
        return torch.from_numpy(np.array(values, np.float32))
    return torch.from_numpy(np.array(values.transpose(0, 2, 3, 1), np.float32, order="C")).permute(0, 3, 1, 2)


def _work_in_place(network: Network, modules: Mapping[str, nn.Module]) -> None:
    """Let activations overwrite what they read where nobody else reads it and no gradient is computed from it."""
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    for name, place in network.places.items():
        if isinstance(place.layer, ReLU | ReLU6):
            (source,) = place.inputs
            spent = readers[source] == 1 and isinstance(network.places[source].layer, _UNUSED_IN_BACKWARD)
            modules[name].inplace = spent  # type: ignore[assignment]


def _steps(network: Network, modules: Mapping[str, nn.Module]) -> list[_Step]:
    last_reader = {source: name for name, place in network.places.items() for source in place.inputs}
    return [
        _Step(name, modules[name], place.inputs, tuple(s for s in set(place.inputs) if last_reader[s] == name))
        for name, place in network.places.items()
        if place.inputs
    ]


def as_input(samples: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    """A batch as networks take it: pictures `(N, H, W, C)` become float32 `(N, C, H, W)`, vectors stay as they are."""
    tensor = torch.from_numpy(samples)
    return tensor.permute(0, 3, 1, 2).float() if tensor.ndim == 4 else tensor.float()
