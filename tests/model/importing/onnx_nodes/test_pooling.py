import numpy as np
import pytest

from eyebright.model.importing.onnx import onnx_network
from eyebright.system.errors import ModelError

SINGLE = {
    "MaxPool": ("MaxPool", {}, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0], "ceil_mode": 1}),
    "AveragePool": ("AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "counted": ("AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    "GlobalAveragePool": ("GlobalAveragePool", {}, {}),
    "GlobalMaxPool": ("GlobalMaxPool", {}, {}),
    "ReduceMean": ("ReduceMean", {"axes": np.array([-1, -2])}, {"keepdims": 0}),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        (
            [("MaxPool", ["x"], "y", {"kernel_shape": [2, 2], "pads": [1, 0, 0, 0]})],
            {},
            "differs between opposite sides",
        ),
        ([("ReduceMean", ["x", "a"], "y", {})], {"a": np.array([1])}, r"a mean over the axes \[1\]"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))
