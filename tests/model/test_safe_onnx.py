from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from eyebright.model.folder import check_onnx
from eyebright.system.errors import ModelError

FOREIGN = helper.make_node("Steal", ["x"], ["z"], domain="com.evil")


def outside(name: str = "secret") -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "../secret.bin")
    tensor.ClearField("raw_data")
    return tensor


def branch(*nodes: NodeProto, initializers: tuple[TensorProto, ...] = ()) -> NodeProto:
    graph = helper.make_graph(list(nodes), "branch", [], [], list(initializers))
    return helper.make_node("If", ["condition"], ["r"], then_branch=graph, else_branch=graph)


def tensors_attribute() -> NodeProto:
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(AttributeProto(name="values", type=AttributeProto.TENSORS, tensors=[outside()]))
    return node


def only_location(graph: GraphProto) -> None:
    """External data without the flag that says so."""
    tensor = outside()
    tensor.data_location = TensorProto.DEFAULT
    graph.initializer.append(tensor)


def sparse(graph: GraphProto) -> None:
    indices = numpy_helper.from_array(np.arange(3), "indices")
    graph.sparse_initializer.append(helper.make_sparse_tensor(outside(), indices, [9]))


@pytest.fixture
def model() -> ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


@pytest.fixture
def check(model: ModelProto, tmp_path: Path) -> Callable[[], None]:
    def check() -> None:
        (tmp_path / "network.onnx").write_bytes(model.SerializeToString())
        check_onnx(tmp_path / "network.onnx")

    return check


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_standard_operators_pass_also_in_subgraphs(model: ModelProto, check: Callable, domain: str) -> None:
    model.graph.node.append(branch(helper.make_node("Relu", ["x"], ["z"], domain=domain)))
    assert check() is None


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda graph: graph.initializer.append(outside()), id="initializer"),
        pytest.param(only_location, id="without flag"),
        pytest.param(sparse, id="sparse initializer"),
        pytest.param(lambda graph: graph.node.append(tensors_attribute()), id="list of tensors"),
        pytest.param(
            lambda graph: graph.node.append(helper.make_node("Constant", [], ["c"], value=outside())), id="constant"
        ),
        pytest.param(lambda graph: graph.node.append(branch(initializers=(outside(),))), id="branch of an If"),
        pytest.param(
            lambda graph: graph.node.append(branch(branch(initializers=(outside(),)))), id="branch of a branch"
        ),
    ],
)
def test_tensors_outside_the_file_are_refused_wherever_they_hide(
    model: ModelProto, check: Callable, hide: Callable
) -> None:
    hide(model.graph)
    with pytest.raises(ModelError, match=r"network\.onnx keeps tensor 'secret' outside the file: refused"):
        check()


@pytest.mark.parametrize("node", [FOREIGN, branch(FOREIGN), branch(branch(FOREIGN))], ids=["graph", "branch", "deeper"])
def test_foreign_operators_are_refused_wherever_they_hide(model: ModelProto, check: Callable, node: NodeProto) -> None:
    model.graph.node.append(node)
    with pytest.raises(ModelError, match=r"foreign operator com\.evil\.Steal: refused"):
        check()


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "org.openvinotoolkit"])
def test_foreign_operator_sets_are_refused(model: ModelProto, check: Callable, domain: str) -> None:
    model.opset_import.append(helper.make_opsetid(domain, 1))
    with pytest.raises(ModelError, match=rf"not ONNX's own, from {domain}: refused"):
        check()


def test_functions_of_its_own_are_refused(model: ModelProto, check: Callable) -> None:
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("", "Mine", ["x"], ["y"], body, [helper.make_opsetid("", 18)]))
    with pytest.raises(ModelError, match="defines functions of its own: refused"):
        check()


@pytest.mark.parametrize("content", [b"no ONNX", b"\x80\x04K\x01.", b"<?xml version='1.0'?><net/>"])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "network.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.onnx is not an ONNX file"):
        check_onnx(tmp_path / "network.onnx")
