"""A layer of Keras as a file describes it, and the table of what each class becomes here.

Keras has channels last: kernels, axes and flattened maps are turned.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.network.layers.windows import Padding
from eyebright.system.errors import ModelError, NetworkError

Array: TypeAlias = NDArray[np.float32]


class StoredLayer(NamedTuple):
    """A layer as a file describes it.

    Args:
        kind: Its class.
        name: Its name here.
        settings: Its configuration.
        tensors: Its weights, in Keras's order.
        major: The main version of Keras.
    """

    kind: str
    name: str
    settings: dict[str, Any]
    tensors: Sequence[Array]
    major: int

    def get(self, key: str, default: Any = None) -> Any:
        """One of its settings."""
        return self.settings.get(key, default)

    def require(self, **expected: Any) -> None:
        """Refuse the layer if a setting is given and has another value than these, each a tuple of accepted ones."""
        for key, accepted in expected.items():
            value = self.settings.get(key, accepted[0])
            if value not in accepted:
                raise NetworkError(f"{key}={value!r} is not supported, only {' or '.join(map(repr, accepted))}")

    def pair(self, key: str, default: Any = 1) -> Any:
        """A setting that is one number or (vertical, horizontal)."""
        value = self.settings.get(key, default)
        return tuple(value) if isinstance(value, list) else value

    def padding(self) -> Padding:
        """Its padding, which Keras names."""
        self.require(padding=("valid", "same"))
        return cast("Padding", self.settings.get("padding", "valid"))

    def take(self, *names: str) -> dict[str, Array]:
        """Its tensors by these names, given in Keras's order."""
        if len(self.tensors) != len(names):
            raise NetworkError(f"expected the weights {', '.join(names) or 'none'}, got {len(self.tensors)} tensors")
        return dict(zip(names, self.tensors, strict=True))


Translation: TypeAlias = Callable[[Assembly, StoredLayer, list[Value]], Value]
_TABLE: dict[str, Translation] = {}


def translate(network: Assembly, layer: StoredLayer, inputs: list[Value]) -> Value:
    """Add what a layer of Keras does.

    Raises:
        ModelError: When the layer is not supported.
        NetworkError: When its settings, inputs or weights are not.
    """
    if layer.kind not in _TABLE:
        raise ModelError(unsupported(layer.kind, layer.name))
    if layer.kind != "Flatten" and any(value.channels_first for value in inputs):
        raise NetworkError("it reads maps that were turned to have channels first: only Flatten may do that")
    return _TABLE[layer.kind](network, layer, inputs)


def unsupported(kind: str, name: str) -> str:
    """The message that a class of layers is not supported, with those that are."""
    why = "it contains code, which is never run" if "Lambda" in kind else "eyebright has no such layer"
    return f"the layer {name!r} of the class {kind} cannot be imported: {why}. Supported: {', '.join(sorted(_TABLE))}"


def of(*kinds: str) -> Callable[[Translation], Translation]:
    """Registers what these classes become."""

    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(kinds, function))
        return function

    return register


def only(inputs: list[Value]) -> Value:
    """The input of a layer that has one."""
    if len(inputs) != 1:
        raise NetworkError(f"expected one input, got {len(inputs)}")
    return inputs[0]


def last_axis(read: Value) -> tuple[Any, ...]:
    """How Keras may say that an axis is that of the channels or features."""
    last = len(read.shape)
    return -1, last, [last], [-1]


def per_channel_last(numbers: Any) -> NDArray[np.float64]:
    """One number, or one for each channel on the last axis, as Keras joins them with maps.

    Raises:
        NetworkError: When they lie along another axis.
    """
    found = np.asarray(numbers, np.float64)
    if found.size > 1 and found.shape[-1] != found.size:
        raise NetworkError(f"a constant of the shape {found.shape} is not one number for each channel")
    return found


def in_order(tensor: NDArray[Any], read: Value) -> NDArray[Any]:
    """A tensor with a row for each feature, in our order of them."""
    if read.order is None:
        return tensor
    if len(tensor) != len(read.order):
        raise NetworkError(f"expected weights for {len(read.order)} features, got {len(tensor)}")
    return tensor[read.order]
