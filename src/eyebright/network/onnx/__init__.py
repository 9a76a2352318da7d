"""Networks as ONNX graphs. One module for each family of layers says which nodes compute them."""

from eyebright.network.onnx import activations, convolution, dense, inputs, merging, normalization, pooling
from eyebright.network.onnx.graph import INPUT, Graph, emit
from eyebright.network.onnx.model import OPSET, PROBABILITIES, to_onnx

__all__ = ["INPUT", "OPSET", "PROBABILITIES", "Graph", "emit", "to_onnx"]
