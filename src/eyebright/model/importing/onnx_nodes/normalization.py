"""ONNX's normalisations."""

from typing import Any

from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.onnx_nodes.node import OnnxNode, of
from eyebright.network import BatchNorm, LocalResponseNorm


@of("BatchNormalization")
def _batch_norm(network: Assembly, node: OnnxNode) -> Value:
    node.require(training_mode=(0,))
    names = ("weight", "bias", "running_mean", "running_var")
    tensors = {name: node.constant(index + 1) for index, name in enumerate(names)}
    made = BatchNorm(node.settings.get("epsilon", 1e-5), 1 - node.settings.get("momentum", 0.9), name=node.name)
    return network.add(made, node.value(), tensors=tensors)


@of("LRN")
def _lrn(network: Assembly, node: OnnxNode) -> Value:
    named = {"size": "size", "alpha": "alpha", "beta": "beta", "bias": "k"}
    settings: dict[str, Any] = {ours: node.settings[key] for key, ours in named.items() if key in node.settings}
    return network.add(LocalResponseNorm(**settings, name=node.name), node.value())
