import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from eyebright.model.importing.onnx import onnx_network
from eyebright.model.importing.onnx_nodes import Node, compute
from eyebright.network import Hardswish, SiLU
from eyebright.network.torch import TorchNetwork
from eyebright.system.errors import ModelError

RANDOM = np.random.default_rng(0)
SAMPLES = RANDOM.standard_normal((2, 3, 9, 8)).astype(np.float32) * 2


def weights(*shape):
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """Writes a graph on images (N, 3, 9, 8): nodes are (operator, inputs, output, attributes)."""

    def write(*nodes, opset=18, **constants):
        made = [helper.make_node(kind, inputs, [output], name=output, **attributes)
                for kind, inputs, output, attributes in nodes]  # fmt: skip
        graph = helper.make_graph(
            made, "a", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 9, 8])],
            [helper.make_tensor_value_info(made[-1].output[0], TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "a.onnx"

    return write


@pytest.fixture
def agrees(write):
    """Asserts that a graph gives here what ONNX's reference gives; returns the network."""

    def agrees(*nodes, **given):
        path = write(*nodes, **given)
        network, own, _ = onnx_network(path)
        (expected,) = ReferenceEvaluator(str(path)).run(None, {"x": SAMPLES})
        import torch

        with torch.no_grad():
            found = TorchNetwork(network, own).eval()(torch.from_numpy(SAMPLES)).numpy()
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        return network

    return agrees


SINGLE = {
    "Conv": (
        "Conv",
        {"w": weights(6, 1, 3, 2), "b": weights(6)},
        {"group": 3, "strides": [2, 1], "pads": [1, 0, 1, 0]},
    ),
    "uneven": ("Conv", {"w": weights(4, 3, 3, 3)}, {"pads": [0, 1, 2, 1], "dilations": [2, 1]}),
    "same": ("Conv", {"w": weights(4, 3, 3, 3)}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "MaxPool": ("MaxPool", {}, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0], "ceil_mode": 1}),
    "AveragePool": ("AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "counted": ("AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    "GlobalAveragePool": ("GlobalAveragePool", {}, {}),
    "GlobalMaxPool": ("GlobalMaxPool", {}, {}),
    "ReduceMean": ("ReduceMean", {"axes": np.array([-1, -2])}, {"keepdims": 0}),
    "BatchNormalization": (
        "BatchNormalization",
        {"s": weights(3), "b": weights(3), "m": weights(3), "v": np.float32([0.5, 1, 2])},
        {"epsilon": 0.01},
    ),
    "Flatten": ("Flatten", {}, {}),
    "Reshape": ("Reshape", {"shape": np.array([0, -1])}, {}),
    "Pad": ("Pad", {"pads": np.array([0, 0, 1, 2, 0, 0, 0, 3])}, {}),
    "Resize": ("Resize", {"roi": np.float32([]), "by": np.float32([1, 1, 2, 3])}, {"mode": "nearest"}),
    "resized": (
        "Resize",
        {"roi": np.float32([]), "none": np.float32([]), "sizes": np.array([2, 3, 27, 16])},
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "Clip": ("Clip", {"low": np.float32(0), "high": np.float32(6)}, {}),
    "Mul": ("Mul", {"a": np.float32(3)}, {}),
    "Add": ("Add", {"a": np.float32([1, 2, 3]).reshape(3, 1, 1)}, {}),
    "Sub": ("Sub", {"a": np.float32([1, 2, 3]).reshape(1, 3, 1, 1)}, {}),
    "Div": ("Div", {"a": np.float32(0.5)}, {}),
    "HardSigmoid": ("HardSigmoid", {}, {"alpha": 0.3}),
    "LeakyRelu": ("LeakyRelu", {}, {"alpha": 0.3}),
    "Elu": ("Elu", {}, {"alpha": 0.3}),
    "Softmax": ("Softmax", {}, {"axis": 1}),
    **{kind: (kind, {}, {}) for kind in ("Relu", "Sigmoid", "Tanh", "Softplus", "HardSwish", "Identity")},
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_gives_what_the_reference_gives(agrees, name):
    kind, constants, attributes = SINGLE[name]
    agrees((kind, ["x", *constants], "y", attributes), **constants)


def test_dense_layers_and_their_biases(agrees):
    network = agrees(
        ("Flatten", ["x"], "f", {}), ("MatMul", ["f", "w"], "m", {}), ("Add", ["b", "m"], "a", {}),
        ("Relu", ["a"], "r", {}), ("Gemm", ["r", "v", "c"], "y", {"transB": 1}),
        w=weights(216, 5), b=weights(5), v=weights(3, 5), c=weights(3),
    )  # fmt: skip
    assert list(network.tensors) == ["m.weight", "m.bias", "y.weight", "y.bias"]


@pytest.mark.parametrize(("gate", "layer"), [("Sigmoid", SiLU), ("HardSigmoid", Hardswish)])
def test_a_value_times_its_gate_is_one_activation(agrees, gate, layer):
    slope = {"alpha": 1 / 6} if gate == "HardSigmoid" else {}
    network = agrees((gate, ["x"], "g", slope), ("Mul", ["g", "x"], "y", {}))
    assert [type(place.layer) for place in network.places.values()][1:] == [layer]


def test_branches_and_squeeze_and_excitation(agrees):
    agrees(
        ("GlobalAveragePool", ["x"], "p", {}), ("Squeeze", ["p", "axes"], "s", {}),
        ("Unsqueeze", ["s", "axes"], "u", {}),
        ("Mul", ["u", "x"], "m", {}), ("Add", ["m", "x"], "a", {}), ("Concat", ["a", "x"], "y", {"axis": 1}),
        axes=np.array([2, 3]),
    )  # fmt: skip


def test_a_shape_that_is_computed_in_the_graph(agrees):
    """As PyTorch wrote `x.view(x.size(0), -1)`."""
    agrees(
        ("Shape", ["x"], "shape", {}), ("Gather", ["shape", "zero"], "n", {}),
        ("Unsqueeze", ["n", "zeros"], "first", {}),
        ("Concat", ["first", "rest"], "target", {"axis": 0}), ("Reshape", ["x", "target"], "y", {}),
        zero=np.array(0), zeros=np.array([0]), rest=np.array([-1]),
    )  # fmt: skip


def test_constants_of_older_files(agrees):
    constant = numpy_helper.from_array(np.float32(2.0))
    agrees(("Constant", [], "two", {"value": constant}), ("Mul", ["x", "two"], "y", {}))
    agrees(("Pad", ["x"], "y", {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "constant"}), opset=9)
    agrees(("Clip", ["x"], "y", {"min": 0.0, "max": 6.0}), opset=9)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        ([("Transpose", ["x"], "y", {})], {}, "the operator Transpose of 'y' cannot be imported: .*Supported: Add"),
        ([("Clip", ["x", "a", "b"], "y", {})], {"a": np.float32(-1), "b": np.float32(1)}, "limits of -1 and 1"),
        (
            [("Conv", ["x", "w"], "y", {})],
            {"w": weights(4, 2, 3, 3)},
            r"weight \(4, 3, 3, 3\), got weight \(4, 2, 3, 3\)",
        ),
        ([("Conv", ["x", "x"], "y", {})], {}, "its input 2 is not a constant"),
        (
            [("MaxPool", ["x"], "y", {"kernel_shape": [2, 2], "pads": [1, 0, 0, 0]})],
            {},
            "differs between opposite sides",
        ),
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
        ([("Softmax", ["x"], "y", {"axis": 2})], {}, "axis=2 is not supported"),
        ([("ReduceMean", ["x", "a"], "y", {})], {"a": np.array([1])}, r"a mean over the axes \[1\]"),
        ([("Cast", ["x"], "y", {"to": TensorProto.INT32})], {}, "to=6 is not supported"),
        (
            [("Concat", ["a" * n] * 2, "a" * (n + 1), {"axis": 0}) for n in range(1, 60)],
            {"a": weights(8)},
            "Concat of 'a+' cannot be imported: it computes a constant of 16,384 values",
        ),
        (
            [("Gather", ["a", "places"], "y", {})],
            {"a": weights(2, 5_000), "places": np.zeros(100, np.int64)},
            "computes a constant of 500,000 values",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))


def test_only_constants_and_shapes_are_computed():
    assert compute(Node("Cast", "a", (np.ones(2),), {})).tolist() == [1, 1]
    assert compute(Node("Relu", "a", (np.ones(2),), {})) is None
