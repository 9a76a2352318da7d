"""Layers on vectors: flattening, the dense layer, and dropout."""

import math

from eyebright.network.layer import Layer, Parameter, Reach, Rule, Shape, weight_and_bias
from eyebright.network.layers.windows import require_positive
from eyebright.system.errors import NetworkError


class Flatten(Layer, frozen=True):
    """All values of a sample as one vector, channel by channel, row by row."""

    stem = "flatten"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)


class Linear(Layer, frozen=True):
    """Every output sees every input: Keras's Dense. Weights `(out_features, in_features)`."""

    stem = "linear"
    out_features: int
    bias: bool = True
    initializer: Rule = "glorot_uniform"

    def check(self) -> None:
        require_positive(self, "out_features")

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise NetworkError(f"expected a vector (features,), got {inputs[0]}; put a Flatten before it")
        return (self.out_features,)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        (in_features,) = inputs[0]
        weight = Parameter((self.out_features, in_features), self.initializer, in_features, self.out_features)
        return weight_and_bias(weight, bias=self.bias)

    def multiply_adds(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.out_features

    def reach(self, *inputs: Shape) -> Reach | None:
        return None


class Dropout(Layer, frozen=True):
    """In training, zeroes a share `p` of the values and scales up the rest; otherwise changes nothing.

    Keras's `Dropout(0.2)` is `Dropout(0.2)`; TensorFlow 1's `keep_prob` is `1 - p`.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    stem = "dropout"
    p: float = 0.5

    def check(self) -> None:
        if not 0 <= self.p < 1:
            raise NetworkError(f"p must be at least 0 and below 1, got {self.p}")
