import numpy as np
import pytest

from eyebright.network import initial_weights
from eyebright.network.answering import Answering
from eyebright.network.tensorflow import SAVED_MODEL, Graph, require_only_computes, to_saved_model
from eyebright.network.tensorflow.model import FILE
from eyebright.network.tensorflow.protobuf import message
from eyebright.network.zoo.small import compact
from eyebright.system.errors import ModelError


def with_graph(content):
    """A saved_model.pb with one graph."""
    return message(2, message(2, content))


def node(operation, *inputs, name="x"):
    return message(1, message(1, name) + message(2, operation) + b"".join(message(3, source) for source in inputs))


def test_what_eyebright_writes_only_computes():
    network = compact(4, input_size=32)
    thresholds = np.full(4, 0.5, np.float32)
    files = to_saved_model(network, initial_weights(network), answering=Answering(1.5, thresholds=thresholds))
    require_only_computes(files[SAVED_MODEL])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (with_graph(node("WriteFile")), r"operation 'WriteFile' \(x\) may do more than compute"),
        (with_graph(node("Relu")) + with_graph(node("PyFunc")), "PyFunc"),
        (message(2, message(2, node("Relu")) + message(2, node("ReadFile"))), "ReadFile"),  # the parts are joined
        (with_graph(message(1, message(2, "Relu") + message(2, "EagerPyFunc"))), "EagerPyFunc"),  # the last one counts
        (with_graph(message(2, message(1, "f"))), "it has functions"),
        (message(2, message(7, message(1, "o"))), "it has objects"),
        (with_graph(node("SaveV2", "mine")), r"operation 'SaveV2' \(x\) is about a file"),
        (with_graph(node("Const", name=FILE)), "operation 'Const' .* is about a file"),
        (message(2, b"abc")[:-1], "damaged"),
        (b"\x0b", "damaged: a field of the unknown kind 3"),
        (b"\xff" * 20, "damaged: a whole number does not end"),
    ],
)
def test_what_may_do_more_is_refused(content, reason):
    with pytest.raises(ModelError, match=reason):
        require_only_computes(content)


def test_a_file_of_another_name_is_refused():
    graph = Graph()
    graph.texts(FILE, "elsewhere")
    with pytest.raises(ModelError, match="about a file that eyebright does not name"):
        require_only_computes(with_graph(message(1, graph.nodes[0])))
