"""Convolution, max pool and ReLU in the memory layout that oneDNN chooses for them.

torch's own max pool keeps a 64-bit index for each maximum, and does not use the vector unit for 16 channels. oneDNN's
keeps a byte, but torch offers it only for tensors in a layout of oneDNN's own. Converting to it and back takes as long
as the pool saves, so it pays for blocks that read the images, which have few channels, and those that follow them:
benchmarks/README.md has the times.

oneDNN's pool and ReLU turn nan into 0. Where a weight is not finite, all values that come out of here are nan.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import dropwhile
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from eyebright.network import Network, Normalize


class Block(NamedTuple):
    """A convolution, the max pool that reads it, and the ReLU that reads the pool: their names and modules."""

    names: tuple[str, str, str]
    conv: nn.Conv2d
    pool: nn.MaxPool2d


class Chain:
    """Blocks one after the other: computes what their modules compute, in the precision of autocast.

    Args:
        blocks: The first reads the images.
    """

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks

    def __call__(self, samples: Tensor) -> Tensor:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else samples.dtype
        values: Tensor = samples.to(dtype).to_mkldnn()
        for block in self._blocks:
            values = _Compute.apply(values, block.conv.weight, block.conv.bias, block)  # type: ignore[no-untyped-call]
        return values.to_dense() + self._nothing()

    def _nothing(self) -> Tensor:
        """0, or nan if a weight is not finite."""
        with torch.no_grad():
            return torch.stack([0 * each.sum() for block in self._blocks for each in block.conv.parameters()]).sum()


def usable() -> bool:
    """Whether this processor gains from the layout: measured with AVX-512, which oneDNN needs for bfloat16."""
    built = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return built and torch.backends.cpu.get_cpu_capability() == "AVX512"


def blocks_on_images(network: Network, modules: Mapping[str, nn.Module]) -> list[Block]:
    """The blocks that read the images and one another; maybe none.

    Args:
        network: The network; `rewrites.faster` puts pools before activations.
        modules: The torch module of each layer.
    """
    line = dropwhile(lambda name: isinstance(network.places[name].layer, Normalize), _line(network))
    return list(_blocks(modules, list(line)))


def _line(network: Network) -> Iterator[str]:
    """The layers from the images on, each read by the next one alone, which reads nothing else."""
    readers = Counter(source for place in network.places.values() for source in place.inputs)
    reader = {source: name for name, place in network.places.items() for source in place.inputs}
    at = network.input
    while readers[at] == 1 and len(network.places[reader[at]].inputs) == 1:
        at = reader[at]
        yield at


def _blocks(modules: Mapping[str, nn.Module], line: list[str]) -> Iterator[Block]:
    for names in zip(line[::3], line[1::3], line[2::3], strict=False):
        conv, pool, activation = (modules[name] for name in names)
        if not (type(conv) is nn.Conv2d and isinstance(pool, nn.MaxPool2d) and isinstance(activation, nn.ReLU)):
            return
        yield Block(names, conv, pool)


class _Compute(torch.autograd.Function):
    """A block, on tensors in oneDNN's layout; weights and their gradients are plain tensors."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None, block: Block) -> Tensor:
        _, conv, pool = block
        ctx.block, ctx.dtype = block, weight.dtype
        weight, bias = weight.to(values.dtype), None if bias is None else bias.to(values.dtype)
        maps: Tensor = torch.ops.aten.mkldnn_convolution(
            values, weight, bias, conv.padding, conv.stride, conv.dilation, conv.groups
        )
        with torch.set_grad_enabled(any(ctx.needs_input_grad)):  # only then does the pool keep where its maxima are
            pooled: Tensor = torch.ops.aten.mkldnn_max_pool2d(
                maps.requires_grad_(torch.is_grad_enabled()), *_window(pool)
            )
        pooled = pooled.detach().relu_()
        ctx.save_for_backward(values, weight, maps.detach(), pooled)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (_, conv, pool), (values, weight, maps, pooled) = ctx.block, ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, pooled, 0)
        gradient = torch.ops.aten.mkldnn_max_pool2d_backward(gradient, pooled, maps, *_window(pool))
        settings = (conv.stride, conv.padding, conv.dilation, False, [0, 0], conv.groups)
        below, *own = torch.ops.aten.convolution_backward(
            gradient, values, weight, [conv.out_channels], *settings, ctx.needs_input_grad[:3]
        )
        return below, *(None if each is None else each.to(ctx.dtype) for each in own), None


def _window(pool: nn.MaxPool2d) -> tuple[Any, ...]:
    return pool.kernel_size, pool.stride, pool.padding, 1, pool.ceil_mode
