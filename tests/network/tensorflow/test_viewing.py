import pytest

from eyebright.network import BatchNorm, Conv2d, Flatten, Input, Linear, Network, initial_weights
from eyebright.network.answering import Answering
from eyebright.network.tensorflow import SAVED_MODEL, to_saved_model, with_constants
from eyebright.network.tensorflow.protobuf import all_of


def read(graph):
    """The operation and the raw attributes of each node by its name."""
    nodes = [{field: [*all_of(node, field)] for field in (1, 2, 3, 5)} for node in all_of(graph, 1)]
    return {node[1][0].decode(): (node[2][0].decode(), node[3], node[5]) for node in nodes}


@pytest.fixture
def saved():
    images = Input((3, 6, 5))()
    network = Network(images, Linear(4)(Flatten()(BatchNorm()(Conv2d(7, 3, name="conv")(images)))))
    return to_saved_model(network, initial_weights(network), answering=Answering())[SAVED_MODEL]


def test_variables_become_constants_and_all_else_stays(saved):
    before = next(all_of(next(all_of(saved, 2)), 2))
    graph, found = read(before), read(with_constants(saved))
    kinds = {operation for operation, _, _ in found.values()}
    assert kinds.isdisjoint({"VarHandleOp", "ReadVariableOp", "SaveV2", "RestoreV2", "AssignVariableOp"})
    values = [name for name, (operation, _, _) in graph.items() if operation == "ReadVariableOp"]
    assert len(values) == 8 and all(found[name][0] == "Const" for name in values)
    kept = {name: node for name, node in found.items() if name not in values}
    assert kept and all(graph[name] == node for name, node in kept.items())
    assert {source.decode() for _, inputs, _ in found.values() for source in inputs} <= found.keys()


def test_the_constants_have_the_shapes_of_the_variables(saved):
    """A Conv2D of TensorFlow has a kernel (height, width, in, out)."""
    weight = next(
        node for name, node in read(with_constants(saved)).items() if name.startswith("conv/") and node[0] == "Const"
    )
    value = next(all_of(attribute, 2) for attribute in weight[2] if next(all_of(attribute, 1)) == b"value")
    shape = next(all_of(next(all_of(next(value), 8)), 2))
    assert [list(size) for size in all_of(shape, 2)] == [[8, 3], [8, 3], [8, 3], [8, 7]]


def test_what_is_damaged_is_an_error(saved):
    with pytest.raises(ValueError, match=r"beyond the end|does not end|unknown kind"):
        with_constants(saved[:-5])
