import numpy as np

from eyebright.network.onnx import Graph


def test_a_name_that_is_taken_gets_underscores():
    graph = Graph(["pictures"])
    assert [graph.fresh(name) for name in ("pictures", "pictures", "other")] == ["pictures_", "pictures__", "other"]


def test_nodes_are_named_like_their_output_and_constants_keep_their_values():
    graph = Graph([])
    half = graph.values("half", 0.5)
    assert graph.add("Mul", ["input", half], "result") == "result"
    (node,), (constant,) = graph.nodes, graph.initializers
    assert (node.name, list(node.input), list(node.output)) == ("result", ["input", "half"], ["result"])
    assert (constant.name, constant.float_data or np.frombuffer(constant.raw_data, np.float32)) == ("half", 0.5)
