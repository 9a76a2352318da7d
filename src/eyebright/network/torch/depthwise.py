"""Depthwise convolutions whose gradients in bfloat16 take a processor no longer than they must.

oneDNN (as of torch 2.13) has fast code for most of these gradients, but not for that of the images if the stride is
above 1, nor for that of a kernel above 3x3: they take up to 400 times as long as the convolution itself. Both are
convolutions for which it has fast code:

images      the gradient of the outputs, with as many zeros between as the stride leaves out, by the mirrored kernel
kernel      in parts of 3x3 or less, each of them the gradient of a small kernel that reads the images elsewhere

benchmarks/README.md has the times.
"""

from itertools import product
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

Pair: TypeAlias = tuple[int, int]
"""Down and across."""
_FAST = 3  # the largest side of a kernel for whose gradient oneDNN has fast code


def gains(images: Tensor) -> bool:
    """Whether a convolution of these images learns faster by `convolve`."""
    return images.is_cpu and torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")


def convolve(images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """What `torch.nn.functional.conv2d` gives with one kernel for each channel, in the precision of autocast.

    Args:
        images: `(N, C, H, W)`.
        weight: `(C, 1, kernel height, kernel width)`.
        bias: `(C,)`.
        stride: At least 1.
        padding: Rows and columns of zeros at each side, fewer than the kernel has.
    """
    dtype = torch.get_autocast_dtype("cpu")
    given = (images, weight, bias)
    images, weight, bias = (None if each is None else each.to(dtype) for each in given)  # type: ignore[assignment]
    convolved: Tensor = _Convolve.apply(images, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
    return convolved


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(images, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (images, weight), given = ctx.saved_tensors, (ctx.stride, ctx.padding)
        of_images, of_weight, of_bias = ctx.needs_input_grad[:3]
        return (
            image_gradient(gradient, images, weight, *given) if of_images else None,
            kernel_gradient(gradient, images, weight, *given) if of_weight else None,
            gradient.sum(dim=(0, 2, 3)) if of_bias else None,
            None,
            None,
        )


def image_gradient(gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the images; `gradient` is that of what `convolve` gives, the rest as there."""
    kernel = weight.shape[2:]
    around = [size - 1 - pad for size, pad in zip(kernel, padding, strict=True)]
    if stride != (1, 1):
        sides = [side + size - 1 - 2 * rim for side, size, rim in zip(images.shape[2:], kernel, around, strict=True)]
        every = gradient.new_zeros(*gradient.shape[:2], *sides).contiguous(memory_format=torch.channels_last)
        every[:, :, :: stride[0], :: stride[1]][:, :, : gradient.shape[2], : gradient.shape[3]] = gradient
        gradient = every
    return functional.conv2d(gradient, weight.flip(2, 3), padding=around, groups=len(weight))


def kernel_gradient(gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the kernels; `gradient` is that of what `convolve` gives, the rest as there."""
    if max(weight.shape[2:]) <= _FAST:
        return _kernel_gradient(gradient, images, weight, stride, padding)
    (down, across), (height, width) = padding, gradient.shape[2:]
    images = functional.pad(images, (across, across, down, down))
    found = torch.empty_like(weight)
    for rows, columns in product(*map(_parts, weight.shape[2:])):
        part = weight[:, :, rows, columns].contiguous(memory_format=torch.channels_last)
        read = images[
            :,
            :,
            rows.start : rows.stop + (height - 1) * stride[0],
            columns.start : columns.stop + (width - 1) * stride[1],
        ].contiguous(memory_format=torch.channels_last)
        found[:, :, rows, columns] = _kernel_gradient(gradient, read, part, stride, (0, 0))
    return found


def _kernel_gradient(gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    settings = (stride, padding, (1, 1), False, [0, 0], len(weight), [False, True, False])
    _, found, _ = torch.ops.aten.convolution_backward(gradient, images, weight, None, *settings)
    result: Tensor = found
    return result


def _parts(size: int) -> list[slice]:
    """A side of a kernel in parts for which there is fast code; the last may overlap the one before."""
    starts = [*range(0, size - _FAST, _FAST), max(size - _FAST, 0)]
    return [slice(start, min(start + _FAST, size)) for start in starts]
