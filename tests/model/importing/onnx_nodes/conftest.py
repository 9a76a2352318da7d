"""Small graphs, compared with ONNX's reference."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tests.model.importing.onnx_nodes.making import SAMPLES

from eyebright.model.importing.onnx import onnx_network
from eyebright.network.torch import TorchNetwork


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
