"""Networks as ONNX models. Each family of layers has a module with the nodes that compute it."""

from eyebright.network.onnx import activations, basic, convolution, normalization, pooling
from eyebright.network.onnx.graph import FEATURES, INPUT, Graph, emit
from eyebright.network.onnx.model import OPSET, to_onnx

__all__ = ["FEATURES", "INPUT", "OPSET", "Graph", "emit", "to_onnx"]
