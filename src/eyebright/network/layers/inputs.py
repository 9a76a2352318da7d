"""Where samples enter, and how their values are brought to a common scale."""

import math

from eyebright.network.layer import Layer, Shape
from eyebright.network.layers.windows import as_tuple
from eyebright.system.errors import NetworkError


class Input(Layer, frozen=True):
    """Where samples enter: pictures as `(channels, height, width)` or vectors as `(features,)`."""

    stem = "input"
    shape: Shape

    def check(self) -> None:
        if len(self.shape) not in (1, 3) or not all(0 < size <= 65_536 for size in self.shape):
            raise NetworkError(
                f"shape must be (channels, height, width) or (features,), each 1 to 65536; got {self.shape}"
            )

    def arity(self) -> tuple[int, int]:
        return 0, 0

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.shape


class Normalize(Layer, frozen=True):
    """`(x - mean) / std`, one mean and one standard deviation for all channels or one for each.

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
                raise NetworkError(f"{name} has {count} values, but its input has {shape[0]} channels")
        return shape
