import pytest
from tests.model.importing.onnx_nodes.making import weights

from eyebright.model.importing.onnx import onnx_network
from eyebright.system.errors import ModelError

SINGLE = {
    "Conv": (
        "Conv",
        {"w": weights(6, 1, 3, 2), "b": weights(6)},
        {"group": 3, "strides": [2, 1], "pads": [1, 0, 1, 0]},
    ),
    "uneven": ("Conv", {"w": weights(4, 3, 3, 3)}, {"pads": [0, 1, 2, 1], "dilations": [2, 1]}),
    "same": ("Conv", {"w": weights(4, 3, 3, 3)}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        (
            [("Conv", ["x", "w"], "y", {})],
            {"w": weights(4, 2, 3, 3)},
            r"weight \(4, 3, 3, 3\), got weight \(4, 2, 3, 3\)",
        ),
        ([("Conv", ["x", "x"], "y", {})], {}, "its input 2 is not a constant"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))


def test_dense_layers_and_their_biases(agrees):
    network = agrees(
        ("Flatten", ["x"], "f", {}), ("MatMul", ["f", "w"], "m", {}), ("Add", ["b", "m"], "a", {}),
        ("Relu", ["a"], "r", {}), ("Gemm", ["r", "v", "c"], "y", {"transB": 1}),
        w=weights(216, 5), b=weights(5), v=weights(3, 5), c=weights(3),
    )  # fmt: skip
    assert list(network.tensors) == ["m.weight", "m.bias", "y.weight", "y.bias"]
