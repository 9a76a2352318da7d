"""Arithmetic in models of Keras, such as `inputs / 127.5 - 1`, which it stores as operators beside the layers."""

from collections.abc import Sequence
from typing import Any

from eyebright.model.importing.assembly import Assembly, Value, affine
from eyebright.model.importing.keras_layers import StoredLayer, per_channel_last, translate
from eyebright.system.errors import NetworkError

_KINDS = {
    "Add": "Add", "math.add": "Add", "__operators__.add": "Add",
    "Subtract": "Subtract", "math.subtract": "Subtract",
    "Multiply": "Multiply", "math.multiply": "Multiply",
    "TrueDivide": "Divide", "Divide": "Divide", "math.truediv": "Divide", "math.divide": "Divide",
}  # fmt: skip
"""What operators do, by their class in Keras 3 or their function in tf.keras."""


def is_operator(layer: dict[str, Any]) -> bool:
    """Whether this is an operator; where a file does not say it, also a layer that does the same."""
    kind = layer["class_name"]
    return kind == "TFOpLambda" or (kind in _KINDS and layer.get("module") in (None, "keras.src.ops.numpy"))


def operate(network: Assembly, layer: dict[str, Any], name: str, arguments: Sequence[Any]) -> Value:
    """Add what an operator does with values and numbers.

    Raises:
        NetworkError: When it does something else than to add, subtract, multiply or divide.
    """
    function = layer["config"].get("function") if layer["class_name"] == "TFOpLambda" else layer["class_name"]
    operation = _KINDS.get(str(function))
    if any(isinstance(value, Value) and value.channels_first for value in arguments):
        raise NetworkError("it reads maps that were turned to have channels first: only Flatten may do that")
    given = [argument for argument in arguments if argument is not None]
    if operation in ("Add", "Multiply") and all(isinstance(value, Value) for value in given):
        return translate(network, StoredLayer(operation, name, {}, (), 3), given)
    numbers = [value for value in given if not isinstance(value, Value)]
    if operation is None or len(given) != 2 or len(numbers) != 1:
        raise NetworkError(
            f"the operator {function!s:.60} is not supported, only + - * / with a number, and + * of values"
        )
    first, second = given
    if not isinstance(first, Value):
        if operation in ("Subtract", "Divide"):
            raise NetworkError(f"the operator {function} of a number and a value is not supported")
        first, second = second, first
    number = per_channel_last(second)
    if operation == "Add":
        return affine(network, name, first, 1.0, number)
    if operation == "Subtract":
        return affine(network, name, first, 1.0, -number)
    return affine(network, name, first, number if operation == "Multiply" else 1 / number, 0.0)
