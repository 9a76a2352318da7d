import re
from pathlib import Path

import numpy as np
import pytest

from eyebright.network import Input, Layer, Network
from eyebright.network.litert import Graph
from eyebright.system.errors import NetworkError


def test_a_name_that_is_taken_gets_underscores():
    graph = Graph(["pictures"])
    assert [graph.fresh(name) for name in ("pictures", "pictures", "other")] == ["pictures_", "pictures__", "other"]


def test_an_output_has_the_shape_of_its_inputs_broadcast():
    graph = Graph()
    wide, tall = graph.constant("wide", np.ones((1, 4))), graph.constant("tall", np.ones((3, 1)))
    assert graph.tensors[graph.step("ADD", [wide, tall], "sum")].shape == (3, 4)


def test_a_weight_above_the_largest_float16_is_refused():
    assert Graph().weight("w", np.array([7e4])) == "w"
    with pytest.raises(NetworkError, match=r"head\.weight has a value of 7e\+04, .* float16 \(65,504\)"):
        Graph(precision="float16").weight("head.weight", np.array([1, -7e4]))


def test_the_layer_of_the_guide_is_exported(monkeypatch, litert):
    monkeypatch.setattr(Layer, "types", dict(Layer.types))
    page = (Path(__file__).parents[3] / "docs" / "litert.md").read_text("utf-8")
    names = {}
    exec(re.findall(r"```python\n(from eyebright.*?)```", page, re.S)[0], names)
    (found,) = litert(
        Network.sequential(Input((3,)), names["Softsign"]()), {}, np.array([[-3, 0, 1]], np.float32)
    ).values()
    np.testing.assert_allclose(found, [[-0.75, 0, 0.5]])
