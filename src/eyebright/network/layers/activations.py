"""Activations: element-wise functions. Those marked `monotone` never decrease; see `network.rewrites`."""

import math

from eyebright.network.layer import Layer, Reach, Shape
from eyebright.system.errors import NetworkError


class ReLU(Layer, frozen=True):
    """`max(x, 0)`."""

    stem = "relu"
    monotone = True


class ReLU6(Layer, frozen=True):
    """`min(max(x, 0), 6)`."""

    stem = "relu6"
    monotone = True


class LeakyReLU(Layer, frozen=True):
    """`x` if x > 0, else `negative_slope * x`."""

    stem = "leaky_relu"
    monotone = True
    negative_slope: float = 0.01

    def check(self) -> None:
        if not 0 <= self.negative_slope <= 1:
            raise NetworkError(f"negative_slope must be from 0 to 1, got {self.negative_slope}")


class ELU(Layer, frozen=True):
    """`x` if x > 0, else `alpha * (exp(x) - 1)`.

    Source: Clevert et al. 2015, "Fast and Accurate Deep Network Learning by Exponential Linear Units".
    """

    stem = "elu"
    monotone = True
    alpha: float = 1.0

    def check(self) -> None:
        if not 0 <= self.alpha < math.inf:
            raise NetworkError(f"alpha must be at least 0 and finite, got {self.alpha}")


class GELU(Layer, frozen=True):
    """`x * P(X <= x)` for a standard normal X.

    Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".
    """

    stem = "gelu"


class SiLU(Layer, frozen=True):
    """`x * sigmoid(x)`, also called swish."""

    stem = "silu"


class Hardswish(Layer, frozen=True):
    """`x * min(max(x + 3, 0), 6) / 6`.

    Source: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """

    stem = "hardswish"


class Hardsigmoid(Layer, frozen=True):
    """`min(max(x / 6 + 1 / 2, 0), 1)`."""

    stem = "hardsigmoid"
    monotone = True


class Sigmoid(Layer, frozen=True):
    """`1 / (1 + exp(-x))`."""

    stem = "sigmoid"
    monotone = True


class Tanh(Layer, frozen=True):
    """The hyperbolic tangent, from -1 to 1."""

    stem = "tanh"
    monotone = True


class Softplus(Layer, frozen=True):
    """`log(1 + exp(x))`."""

    stem = "softplus"
    monotone = True


class Softmax(Layer, frozen=True):
    """`exp(x)` divided by its sum over all features (of a vector) or all channels (at each pixel).

    The network of a classifier needs none: the saved model turns its logits into calibrated probabilities.
    """

    stem = "softmax"

    def reach(self, *inputs: Shape) -> Reach | None:
        return super().reach(*inputs) if len(inputs[0]) == 3 else None
