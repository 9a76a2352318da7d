import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from tests.model.importing.onnx_nodes.making import weights

from eyebright.model.importing.onnx import onnx_network
from eyebright.system.errors import ModelError

SINGLE = {
    "Flatten": ("Flatten", {}, {}),
    "Reshape": ("Reshape", {"shape": np.array([0, -1])}, {}),
    "Pad": ("Pad", {"pads": np.array([0, 0, 1, 2, 0, 0, 0, 3])}, {}),
    "Resize": ("Resize", {"roi": np.float32([]), "by": np.float32([1, 1, 2, 3])}, {"mode": "nearest"}),
    "resized": (
        "Resize",
        {"roi": np.float32([]), "none": np.float32([]), "sizes": np.array([3, 3, 27, 16])},
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "Mul": ("Mul", {"a": np.float32(3)}, {}),
    "Add": ("Add", {"a": np.float32([1, 2, 3]).reshape(3, 1, 1)}, {}),
    "Sub": ("Sub", {"a": np.float32([1, 2, 3]).reshape(1, 3, 1, 1)}, {}),
    "Div": ("Div", {"a": np.float32(0.5)}, {}),
    "Identity": ("Identity", {}, {}),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        ([("Reshape", ["x", "s"], "y", {})], {"s": np.array([0, 9, 24])}, r"turns \(3, 9, 8\) into \(9, 24\)"),
        (
            [("Add", ["x", "a"], "y", {})],
            {"a": weights(9, 8)},
            r"\(9, 8\) is not one number for each channel",
        ),
        ([("Div", ["a", "x"], "y", {})], {"a": np.float32(1)}, r"only \+ and \* of values"),
        (
            [("Resize", ["x", "", "by"], "y", {"mode": "linear"})],
            {"by": np.float32([1, 1, 2, 2])},
            "mode='linear' is not",
        ),
        ([("Resize", ["x", "", "by"], "y", {})], {"by": np.float32([1, 1, 2, 1.5])}, r"factors of \[1.0, 2.0, 1.5\]"),
        (
            [("Resize", ["x", "", "by"], "y", {"coordinate_transformation_mode": "asymmetric"})],
            {"by": np.float32([1, 1, 3, 3])},
            "pixels found by asymmetric and round_prefer_floor",
        ),
        ([("Cast", ["x"], "y", {"to": TensorProto.INT32})], {}, "to=6 is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))


def test_branches_and_squeeze_and_excitation(agrees):
    agrees(
        ("GlobalAveragePool", ["x"], "p", {}), ("Squeeze", ["p", "axes"], "s", {}),
        ("Unsqueeze", ["s", "axes"], "u", {}),
        ("Mul", ["u", "x"], "m", {}), ("Add", ["m", "x"], "a", {}), ("Concat", ["a", "x"], "y", {"axis": 1}),
        axes=np.array([2, 3]),
    )  # fmt: skip


def test_constants_of_older_files(agrees):
    constant = numpy_helper.from_array(np.float32(2.0))
    agrees(("Constant", [], "two", {"value": constant}), ("Mul", ["x", "two"], "y", {}))
    agrees(("Pad", ["x"], "y", {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "constant"}), opset=9)
    agrees(("Clip", ["x"], "y", {"min": 0.0, "max": 6.0}), opset=9)
