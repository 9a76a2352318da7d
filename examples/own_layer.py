"""A layer of your own in ten lines: PReLU, `x` where it is positive, elsewhere `x` times a learned slope.

python examples/own_layer.py

You should see the layer in the network's JSON, the values of the formula from the ONNX graph, and a slope that training
has changed from 0. At the end of every `fit`, the ONNX graph is checked against torch.

Source: He et al. 2015, "Delving Deep into Rectifiers", equation 1.
"""

import numpy as np
from torch import nn

import eyebright as eb
from eyebright.network import (
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Layer,
    Linear,
    Network,
    Normalize,
    Parameter,
    Place,
    Shape,
    layer_to_dict,
)
from eyebright.network.onnx import Graph, emit
from eyebright.network.torch import to_torch


class PReLU(Layer, frozen=True):
    """The description: the name of unnamed layers, and the tensors that it learns."""

    stem = "prelu"

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((1,), "zeros")}


@to_torch.register  # how torch computes it; the module's tensors have the names that `parameters` gives
def _(layer: PReLU, place: Place) -> nn.Module:
    return nn.PReLU()


@emit.register  # how ONNX computes it
def _(layer: PReLU, place: Place, graph: Graph, inputs: list[str], output: str) -> None:
    graph.add("PRelu", inputs, output)


print(layer_to_dict(PReLU(name="bend")))
model = eb.Model(Network.sequential(Input((4,)), PReLU(name="bend")))
model.layer("bend").set_weights({"weight": np.array([0.25])})
print(model.predict(np.array([[-2.0, -1.0, 0.0, 1.0]])))

# In a network that learns to classify dark and bright images.
random = np.random.default_rng(0)
labels = np.arange(120) % 2
images = (random.integers(0, 100, (120, 16, 16)) + labels[:, None, None] * 120).astype(np.uint8)
pictures = eb.Dataset.from_arrays(images, labels, ["dark", "bright"])
network = Network.sequential(
    Input((3, 16, 16)), Normalize(), Conv2d(4, 3), PReLU(name="bend"), GlobalAvgPool2d(), Linear(2)
)
assert Network.from_json(network.to_json()) == network
classifier = eb.Classifier(network, classes=pictures.classes)
classifier.fit(pictures, epochs=10)
print(f"test accuracy {classifier.evaluate(pictures.test).accuracy:.0%}")
print(f"learned slope: {classifier.layer('bend').get_weights()['weight'][0]:.3f}")
