"""A node of an ONNX graph, and the table of what each operator becomes here."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.network.layers.windows import Pair
from eyebright.system.errors import ModelError, NetworkError

Array: TypeAlias = NDArray[Any]


class OnnxNode(NamedTuple):
    """One node.

    Args:
        kind: Its operator.
        name: The name of its layer.
        given: What it reads: values of the network, constants, or None for an input that is left out.
        settings: Its attributes.
        opset: The version of ONNX's operators.
    """

    kind: str
    name: str
    given: tuple[Value | Array | None, ...]
    settings: dict[str, Any]
    opset: int = 18

    def value(self, index: int = 0) -> Value:
        """An input that must come from the network."""
        found = self.given[index] if index < len(self.given) else None
        if not isinstance(found, Value):
            raise NetworkError(f"its input {index + 1} is {'missing' if found is None else 'a constant'}")
        return found

    def constant(self, index: int, default: Any = None) -> Array:
        """An input that must be constant; the default if it is left out and there is one."""
        found = self.given[index] if index < len(self.given) else None
        if found is None and default is not None:
            return np.asarray(default)
        if not isinstance(found, np.ndarray):
            raise NetworkError(f"its input {index + 1} is not a constant")
        return found

    def require(self, **expected: Any) -> None:
        """Refuse the node if an attribute is given and has another value than these, each a tuple of accepted ones."""
        for key, accepted in expected.items():
            if key in self.settings and self.settings[key] not in accepted:
                raise NetworkError(f"{key}={self.settings[key]!r} is not supported")

    def whole(self, index: int, key: str) -> list[int]:
        """Whole numbers that are an input or, in older files, an attribute."""
        if index < len(self.given) and self.given[index] is not None:
            return [int(number) for number in self.constant(index).ravel()]
        return list(self.settings.get(key, []))

    def pair(self, key: str) -> Pair:
        """An attribute (vertical, horizontal); 1 for both if it is left out."""
        values = self.settings.get(key, [1, 1])
        if len(values) != 2:
            raise NetworkError(f"{key}={values} is not supported: only images")
        return int(values[0]), int(values[1])

    def pads(self) -> tuple[Pair, Pair]:
        """Padding before (top, left) and after (bottom, right); 0 where it follows from the sizes."""
        self.require(auto_pad=("NOTSET", "VALID", "SAME_UPPER"))
        pads = self.settings.get("pads", [0] * 4)
        if len(pads) != 4:
            raise NetworkError(f"pads={pads} is not supported: only images")
        top, left, bottom, right = map(int, pads)
        return (top, left), (bottom, right)


Translation: TypeAlias = Callable[[Assembly, OnnxNode], Value]
_TABLE: dict[str, Translation] = {}


def translate(network: Assembly, node: OnnxNode) -> Value:
    """Add what a node computes.

    Raises:
        ModelError: When its operator is not supported.
        NetworkError: When its attributes, inputs or weights are not.
    """
    if node.kind not in _TABLE:
        raise ModelError(
            f"the operator {node.kind} of {node.name!r} cannot be imported: eyebright has no such layer. Supported: "
            f"{', '.join(sorted(_TABLE))}"
        )
    return _TABLE[node.kind](network, node)


def of(*kinds: str) -> Callable[[Translation], Translation]:
    """Registers what these operators become."""

    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(kinds, function))
        return function

    return register
