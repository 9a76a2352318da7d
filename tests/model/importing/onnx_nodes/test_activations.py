import numpy as np
import pytest

from eyebright.model.importing.onnx import onnx_network
from eyebright.network import Hardswish, SiLU
from eyebright.system.errors import ModelError

SINGLE = {
    "Clip": ("Clip", {"low": np.float32(0), "high": np.float32(6)}, {}),
    "HardSigmoid": ("HardSigmoid", {}, {"alpha": 0.3}),
    "LeakyRelu": ("LeakyRelu", {}, {"alpha": 0.3}),
    "Elu": ("Elu", {}, {"alpha": 0.3}),
    "Selu": ("Selu", {}, {}),
    "Selu with its own numbers": ("Selu", {}, {"alpha": 1.2, "gamma": 2.0}),
    "PRelu": ("PRelu", {"slope": np.full((3, 1, 1), 0.2, np.float32)}, {}),
    "Mish": ("Mish", {}, {}),
    "Softmax": ("Softmax", {}, {"axis": 1}),
    **{kind: (kind, {}, {}) for kind in ("Relu", "Sigmoid", "Tanh", "Softplus", "HardSwish")},
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        ([("Clip", ["x", "a", "b"], "y", {})], {"a": np.float32(-1), "b": np.float32(1)}, "limits of -1 and 1"),
        (
            [("PRelu", ["x", "a"], "y", {})],
            {"a": np.float32([0, 0.1, 0.2]).reshape(3, 1, 1)},
            "the operator PRelu .* 3 different slopes: only one",
        ),
        ([("Softmax", ["x"], "y", {"axis": 2})], {}, "axis=2 of version 18 is not supported"),
        ([("Softmax", ["x"], "y", {})], {}, "axis=-1 of version 18 is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))


@pytest.mark.parametrize(("gate", "layer"), [("Sigmoid", SiLU), ("HardSigmoid", Hardswish)])
def test_a_value_times_its_gate_is_one_activation(agrees, gate, layer):
    slope = {"alpha": 1 / 6} if gate == "HardSigmoid" else {}
    network = agrees((gate, ["x"], "g", slope), ("Mul", ["g", "x"], "y", {}))
    assert [type(place.layer) for place in network.places.values()][1:] == [layer]


def test_a_softmax_of_older_files_is_over_all_that_follows(write, agrees):
    with pytest.raises(ModelError, match="axis=1 of version 11 is not supported"):
        onnx_network(write(("Softmax", ["x"], "y", {}), opset=11))
    agrees(("GlobalAveragePool", ["x"], "p", {}), ("Softmax", ["p"], "y", {"axis": 1}), opset=11)
