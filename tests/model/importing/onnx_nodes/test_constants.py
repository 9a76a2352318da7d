import numpy as np
import pytest
from onnx import TensorProto
from tests.model.importing.onnx_nodes.making import weights

from eyebright.model.importing.onnx import onnx_network
from eyebright.model.importing.onnx_nodes import OnnxNode, compute
from eyebright.system.errors import ModelError


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
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
        ([("Add", ["a", "b"], "y", {})], {"a": weights(200, 1), "b": weights(1, 200)}, "a constant of 40,000 values"),
        ([("ConstantOfShape", ["a"], "y", {})], {"a": np.array([100_000, 100_000])}, "of 10,000,000,000 values"),
        ([("Reshape", ["a", "b"], "y", {})], {"a": weights(6), "b": np.array([4])}, "its constant cannot be computed"),
        (
            [("Shape", ["x"], "shape", {}), ("Mul", ["shape", "two"], "y", {})],
            {"two": np.array(2)},
            "computes with the number of images",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))


def test_a_shape_that_is_computed_in_the_graph(agrees):
    """As PyTorch wrote `x.view(x.size(0), -1)`."""
    agrees(
        ("Shape", ["x"], "shape", {}), ("Gather", ["shape", "zero"], "n", {}),
        ("Unsqueeze", ["n", "zeros"], "first", {}),
        ("Concat", ["first", "rest"], "target", {"axis": 0}), ("Reshape", ["x", "target"], "y", {}),
        zero=np.array(0), zeros=np.array([0]), rest=np.array([-1]),
    )  # fmt: skip


def test_only_constants_and_shapes_are_computed():
    assert compute(OnnxNode("Cast", "a", (np.array([1.5, -2.5]),), {"to": TensorProto.INT64})).tolist() == [1, -2]
    assert compute(OnnxNode("Shape", "a", (np.ones((2, 5, 7)),), {"start": 1})).tolist() == [5, 7]
    assert compute(OnnxNode("Relu", "a", (np.ones(2),), {})) is None
