"""Networks as ONNX models. Each family of layers has a module with the nodes that compute it."""

from eyebright.network.onnx import activations, basic, convolution, normalization, pooling
from eyebright.network.onnx.graph import INPUT, OPSET, PROBABILITIES, Graph, emit, to_onnx

__all__ = ["INPUT", "OPSET", "PROBABILITIES", "Graph", "emit", "to_onnx"]
