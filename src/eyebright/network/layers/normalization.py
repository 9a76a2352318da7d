"""Normalisation of values by their mean and variance over the batch, the sample or a neighbourhood."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eyebright.network.layer import Layer, Parameter, Reach, Shape
from eyebright.network.layers.windows import image_shape
from eyebright.system.errors import NetworkError


class BatchNorm(Layer, frozen=True):
    """Normalises each channel over the batch to mean 0 and variance 1, then applies a learned scale and shift.

    This is PyTorch's BatchNorm2d for images and BatchNorm1d for vectors. In training, `running_mean` and `running_var`
    move towards those of each batch by a share `momentum`; in evaluation they are used instead of the batch's.

    Source: Ioffe and Szegedy 2015, "Batch Normalization".
    """

    stem = "batch_norm"
    eps: float = 1e-5
    momentum: float = 0.1

    def check(self) -> None:
        _require_eps(self.eps)
        if not 0 < self.momentum <= 1:
            raise NetworkError(f"momentum must be above 0 and at most 1, got {self.momentum}")

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter(inputs[0][:1], "ones"), "bias": Parameter(inputs[0][:1], "zeros")}

    def buffers(self, *inputs: Shape) -> dict[str, Parameter]:
        return {"running_mean": Parameter(inputs[0][:1], "zeros"), "running_var": Parameter(inputs[0][:1], "ones")}

    def as_factor_and_shift(
        self, weights: Mapping[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What it does in evaluation: the factor for each channel, then what is added; both `(C,)`.

        Args:
            weights: Its tensors by name.
        """
        weight, bias, mean, var = (
            weights[key].astype(np.float64) for key in ("weight", "bias", "running_mean", "running_var")
        )
        factor = weight / np.sqrt(var + self.eps)
        return factor, bias - mean * factor


class LayerNorm(Layer, frozen=True):
    """Normalises all values of a sample to mean 0 and variance 1, then applies a learned scale and shift to each.

    Source: Ba et al. 2016, "Layer Normalization".
    """

    stem = "layer_norm"
    eps: float = 1e-5

    def check(self) -> None:
        _require_eps(self.eps)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter(inputs[0], "ones"), "bias": Parameter(inputs[0], "zeros")}

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


class LocalResponseNorm(Layer, frozen=True):
    """Divides by the values of the `size` channels around: `x / (k + alpha / size * sum of squares) ** beta`.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 3.3.
    Unlike in the paper, alpha is divided by `size`, as in PyTorch.
    """

    stem = "lrn"
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def check(self) -> None:
        _require_odd("size", self.size)
        if not (0 <= self.alpha < math.inf and 0 < self.beta < math.inf and 0 < self.k < math.inf):
            raise NetworkError(
                "alpha must be at least 0, beta and k above 0, all finite, "
                f"got alpha={self.alpha}, beta={self.beta}, k={self.k}"
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        return image_shape(inputs[0])


class LocalContrastNorm(Layer, frozen=True):
    """Subtracts the mean of the neighbourhood and divides by its standard deviation, over all channels together.

    The neighbourhood has Gaussian weights with a standard deviation of `sigma` pixels (default: a quarter of the kernel
    size). At the border, the weights of the pixels inside the image add up to 1. The divisor is at least the mean of
    the standard deviation over the image, so that flat areas stay flat. Adding a constant to the image does not change
    the output, and multiplying by one hardly does.

    Source: Jarrett et al. 2009, "What is the Best Multi-Stage Architecture for Object Recognition?", section 2, "Local
    Contrast Normalization Layer", with windows of 9 x 9. Not in the paper: `eps` is added to the variance, so that the
    output for an image of one colour is finite.
    """

    stem = "lcn"
    kernel_size: int = 9
    sigma: float | None = None
    eps: float = 1e-6

    def check(self) -> None:
        _require_odd("kernel_size", self.kernel_size)
        _require_eps(self.eps)
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise NetworkError(f"sigma must be above 0 and finite, got {self.sigma}")

    def output_shape(self, *inputs: Shape) -> Shape:
        return image_shape(inputs[0])

    def multiply_adds(self, *inputs: Shape) -> int:
        _, height, width = inputs[0]
        return 2 * height * width * self.kernel_size**2  # the mean, and the mean of squares

    def reach(self, *inputs: Shape) -> Reach | None:
        return None  # because of the mean of the standard deviation

    def kernel(self) -> NDArray[np.float64]:
        """The weights of the neighbourhood, which add up to 1: `(kernel_size, kernel_size)`."""
        return np.outer(self._profile(), self._profile())

    def coverage(self, shape: Shape) -> NDArray[np.float64]:
        """For each pixel the sum of the weights inside the image: `(H, W)`."""
        half = self.kernel_size // 2
        rows, columns = (np.convolve(np.ones(size), self._profile())[half : half + size] for size in shape[1:])
        return np.outer(rows, columns)

    def _profile(self) -> NDArray[np.float64]:
        offsets = np.arange(self.kernel_size) - self.kernel_size // 2
        weights = np.exp(-0.5 * (offsets / (self.sigma or self.kernel_size / 4)) ** 2)
        return np.asarray(weights / weights.sum())


def _require_eps(eps: float) -> None:
    if not 0 < eps < math.inf:
        raise NetworkError(f"eps must be above 0 and finite, got {eps}")


def _require_odd(name: str, size: int) -> None:
    if not (0 < size < 1_000 and size % 2):
        raise NetworkError(f"{name} must be an odd number from 1 to 999, got {size}")
