"""Basic layers: where samples enter, layers on vectors, dropout, and where branches join."""

import math
from fractions import Fraction

from eyebright.network.layer import Layer, Parameter, Reach, Rule, Shape, weight_and_bias
from eyebright.network.layers.windows import Size, as_pair, as_tuple, image_shape, require_positive
from eyebright.system.errors import NetworkError

_MOST_INPUTS, _MOST_PADDING = 1_000, 1_000


class Input(Layer, frozen=True):
    """The input of a network: images `(channels, height, width)` or vectors `(features,)`."""

    stem = "input"
    shape: Shape

    def check(self) -> None:
        if len(self.shape) not in (1, 3) or not all(0 < size <= 65_536 for size in self.shape):
            raise NetworkError(
                f"shape must be (channels, height, width) or (features,), each from 1 to 65536, got {self.shape}"
            )

    def arity(self) -> tuple[int, int]:
        return 0, 0

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.shape


class Normalize(Layer, frozen=True):
    """`(x - mean) / std`, with one mean and standard deviation for all channels or one for each.

    Keras's `Rescaling(1 / 255)` is `Normalize(0, 255)`.
    """

    stem = "normalize"
    mean: float | tuple[float, ...] = 127.5
    std: float | tuple[float, ...] = 127.5

    def check(self) -> None:
        if not all(math.isfinite(mean) for mean in as_tuple(self.mean)):
            raise NetworkError(f"mean must be finite, got {self.mean}")
        if not all(0 < std < math.inf for std in as_tuple(self.std)):
            raise NetworkError(f"std must be above 0 and finite, got {self.std}")

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        for name in ("mean", "std"):
            count = len(as_tuple(getattr(self, name)))
            if count not in (1, shape[0]):
                raise NetworkError(f"{name} has {count} values, but the input has {shape[0]} channels")
        return shape


class Flatten(Layer, frozen=True):
    """All values of a sample as one vector: channel by channel, row by row."""

    stem = "flatten"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)


class Unflatten(Layer, frozen=True):
    """A vector as maps of one pixel, `(C,)` to `(C, 1, 1)`: a factor for each channel, for `Multiply`."""

    stem = "unflatten"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise NetworkError(f"expected a vector (features,), got {inputs[0]}")
        return (*inputs[0], 1, 1)


class ZeroPad2d(Layer, frozen=True):
    """Rows and columns of zeros around the maps: `padding` is (left, right, top, bottom), as in PyTorch.

    Unlike the padding of a pool, the zeros count.
    """

    stem = "zero_pad"
    padding: tuple[int, int, int, int]

    def check(self) -> None:
        if not all(0 <= pixels <= _MOST_PADDING for pixels in self.padding):
            raise NetworkError(f"padding must be from 0 to {_MOST_PADDING:,} pixels a side, got {self.padding}")

    def output_shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image_shape(inputs[0])
        left, right, top, bottom = self.padding
        return channels, top + height + bottom, left + width + right


class Upsample(Layer, frozen=True):
    """Repeats each pixel: `scale_factor` rows and columns of the output for each of the input, (vertical, horizontal).

    It is PyTorch's `Upsample(mode="nearest")` for whole factors.
    """

    stem = "upsample"
    scale_factor: Size = 2

    def check(self) -> None:
        require_positive(self, "scale_factor")

    def output_shape(self, *inputs: Shape) -> Shape:
        channels, height, width = image_shape(inputs[0])
        vertical, horizontal = as_pair(self.scale_factor)
        return channels, vertical * height, horizontal * width

    def reach(self, *inputs: Shape) -> Reach | None:
        vertical, horizontal = as_pair(self.scale_factor)
        return (1, 1), (Fraction(1, vertical), Fraction(1, horizontal))


class Linear(Layer, frozen=True):
    """Dense layer (Keras's `Dense`): every output depends on every input. Weight `(out_features, in_features)`."""

    stem = "linear"
    out_features: int
    bias: bool = True
    initializer: Rule = "glorot_uniform"

    def check(self) -> None:
        require_positive(self, "out_features")

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise NetworkError(f"expected a vector (features,), got {inputs[0]}: add a Flatten layer before it")
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
    """In training, sets values to 0 with probability `p` and scales the others by 1 / (1 - p); else does nothing.

    Keras's `Dropout(0.2)` is `Dropout(0.2)`; TensorFlow 1's `keep_prob` is `1 - p`.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    stem = "dropout"
    p: float = 0.5

    def check(self) -> None:
        if not 0 <= self.p < 1:
            raise NetworkError(f"p must be at least 0 and below 1, got {self.p}")


class Add(Layer, frozen=True):
    """The sum of two or more inputs of the same shape."""

    stem = "add"

    def arity(self) -> tuple[int, int]:
        return 2, _MOST_INPUTS

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise NetworkError(f"the inputs must have the same shape, got {_joined(inputs)}")
        return inputs[0]


class Multiply(Layer, frozen=True):
    """The product of two inputs: of the same shape, or `(C, H, W)` and a factor for each channel `(C, 1, 1)`."""

    stem = "multiply"

    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shape(self, *inputs: Shape) -> Shape:
        first, second = inputs
        factors = len(first) == 3 and second == (first[0], 1, 1)
        if second != first and not factors:
            raise NetworkError(
                f"the inputs must have the same shape, or be (C, H, W) and (C, 1, 1), got {_joined(inputs)}"
            )
        return first


class Concat(Layer, frozen=True):
    """The channels (or features) of all inputs one after the other; all must have the same height and width."""

    stem = "concat"

    def arity(self) -> tuple[int, int]:
        return 1, _MOST_INPUTS

    def output_shape(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) > 1:
            raise NetworkError(f"the inputs must have the same shape except for the channels, got {_joined(inputs)}")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


def _joined(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))
