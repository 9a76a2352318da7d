import numpy as np
import pytest
from tensorboardX.proto.graph_pb2 import GraphDef

from eyebright.network import Input, Layer, Network
from eyebright.network.tensorflow import Graph, emit, to_saved_model
from eyebright.network.tensorflow.graph import DType
from eyebright.network.tensorflow.protobuf import message
from eyebright.system.errors import NetworkError


def nodes(graph):
    """The nodes as another implementation reads them: TensorFlow's own descriptions, compiled by tensorboardX."""
    return {node.name: node for node in GraphDef.FromString(b"".join(message(1, node) for node in graph.nodes)).node}


def test_names_are_those_that_tensorflow_allows_and_never_the_same():
    graph = Graph(["pictures"])
    given = ["pictures", "pictures", "_bn", "features.0", "a/b", "é"]
    assert [graph.fresh(name) for name in given] == [
        "pictures_", "pictures__", "layer_bn", "features.0", "a/b", "layer_"
    ]  # fmt: skip


def test_attributes_are_encoded_by_their_types():
    graph = Graph()
    graph.add(
        "Any", ["a", "b:1"], "any", real=0.5, whole=-3, flag=False, text="SAME", kind=DType.INT64, shape=(-1, 2),
        many=[1, 300], kinds=[DType.FLOAT, DType.INT32], T=None,
    )  # fmt: skip
    node = nodes(graph)["any"]
    assert (node.op, list(node.input)) == ("Any", ["a", "b:1"])
    attributes = node.attr
    assert (attributes["real"].f, attributes["whole"].i, attributes["text"].s) == (0.5, -3, b"SAME")
    assert attributes["flag"].WhichOneof("value") == "b" and not attributes["flag"].b
    assert attributes["kind"].type == 9 and [dim.size for dim in attributes["shape"].shape.dim] == [-1, 2]
    assert list(attributes["many"].list.i) == [1, 300] and list(attributes["kinds"].list.type) == [1, 3]
    assert "T" not in attributes


def test_constants_keep_their_values_and_whole_numbers_their_type():
    graph = Graph()
    half, axes, none = graph.constant("half", 0.5), graph.whole("axes", [1, 2]), graph.constant("one", 1)
    found = {name: node.attr["value"].tensor for name, node in nodes(graph).items()}
    assert np.frombuffer(found[half].tensor_content, np.float32) == 0.5 and found[half].dtype == 1
    assert list(np.frombuffer(found[axes].tensor_content, np.int32)) == [1, 2] and found[axes].dtype == 3
    assert found[none].dtype == 1


def test_a_variable_is_a_handle_and_what_is_read_from_it():
    graph = Graph()
    values = np.ones((2, 3), np.float32)
    assert graph.variable("fc.weight", values) == "fc.weight/Read"
    handle, read = nodes(graph).values()
    assert graph.variables == {"fc.weight": values} and list(read.input) == ["fc.weight"]
    assert handle.attr["shared_name"].s == b"fc.weight"


def test_a_layer_that_was_not_registered_is_refused_by_name():
    class Softsign(Layer, frozen=True):
        stem = "softsign"

    with pytest.raises(NetworkError, match="a layer of type Softsign cannot be exported to TensorFlow"):
        to_saved_model(Network.sequential(Input((3,)), Softsign()), {})


def test_every_layer_is_registered():
    own = [kind for kind in Layer.types.values() if kind.__module__.startswith("eyebright.network.layers")]
    assert {kind.__name__ for kind in own if emit.dispatch(kind) is emit.dispatch(object)} == set()
