import numpy as np
import pytest
from tests.model.importing.onnx_nodes.making import weights

SINGLE = {
    "BatchNormalization": (
        "BatchNormalization",
        {"s": weights(3), "b": weights(3), "m": weights(3), "v": np.float32([0.5, 1, 2])},
        {"epsilon": 0.01},
    ),
    "LRN": ("LRN", {}, {"size": 3, "alpha": 0.1, "beta": 0.7, "bias": 2.0}),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)
