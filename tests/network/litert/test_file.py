import numpy as np
import pytest

from eyebright.network import Input, Linear, Network, initial_weights, zoo
from eyebright.network.answering import Answering
from eyebright.network.litert import file, to_litert
from eyebright.system.errors import NetworkError


@pytest.fixture(scope="module")
def content():
    network = zoo.flowers_cnn(7, input_size=16)
    return to_litert(network, initial_weights(network), Answering())


def test_the_signature_names_and_types_the_input_and_the_outputs(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["pictures"], "outputs": ["answer", "probabilities"]}
    }
    found = {
        part["name"]: (part["shape_signature"].tolist(), part["dtype"])
        for part in [*interpreter.get_input_details(), *interpreter.get_output_details()]
    }
    assert found == {
        "pictures": ([-1, 16, 16, 3], np.uint8),
        "probabilities": ([-1, 7], np.float32),
        "answer": ([-1], np.int32),
    }


def test_every_constant_has_its_own_buffer_and_the_first_is_empty(read, content):
    model = read(content)
    (graph,) = model.subgraphs
    used = [tensor.buffer for tensor in graph.tensors if tensor.buffer]
    assert sorted(used) == list(range(1, len(model.buffers))) and model.buffers[0].data is None
    values = {tensor.name.decode(): model.buffers[tensor.buffer].data for tensor in graph.tensors if tensor.buffer}
    assert values["temperature"].view(np.float32).tolist() == [1.0]


def test_a_model_above_2_gib_is_refused(monkeypatch):
    monkeypatch.setattr(file, "_MOST_BYTES", 1000)
    network = Network.sequential(Input((30,)), Linear(10))
    with pytest.raises(NetworkError, match=r"at most 2 GiB, but these weights have 0\.0 GiB"):
        to_litert(network, initial_weights(network))
