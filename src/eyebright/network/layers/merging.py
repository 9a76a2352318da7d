"""Where branches join."""

from eyebright.network.layer import Layer, Shape
from eyebright.system.errors import NetworkError

_MOST = 1_000


class Add(Layer, frozen=True):
    """The sum of two or more inputs of one shape."""

    stem = "add"

    def arity(self) -> tuple[int, int]:
        return 2, _MOST

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise NetworkError(f"its inputs must have one shape, got {_listed(inputs)}")
        return inputs[0]


class Multiply(Layer, frozen=True):
    """The product of two inputs: of one shape, or the second `(C, 1, 1)`, a factor for each channel of the first."""

    stem = "multiply"

    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shape(self, *inputs: Shape) -> Shape:
        first, second = inputs
        factors = len(first) == 3 and second == (first[0], 1, 1)
        if second != first and not factors:
            raise NetworkError(
                f"its inputs must have one shape, or the second (C, 1, 1) for the first's C; got {_listed(inputs)}"
            )
        return first


class Concat(Layer, frozen=True):
    """The channels (or features) of all inputs one after the other; their heights and widths must be the same."""

    stem = "concat"

    def arity(self) -> tuple[int, int]:
        return 1, _MOST

    def output_shape(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) > 1:
            raise NetworkError(f"its inputs must agree in all but their channels, got {_listed(inputs)}")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))
