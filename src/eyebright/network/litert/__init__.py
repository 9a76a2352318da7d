"""Networks as LiteRT models (.tflite). Each family of layers has a module with the operators that compute it."""

from eyebright.network.litert import activations, basic, convolution, normalization, pooling
from eyebright.network.litert.graph import Graph, Site, emit
from eyebright.network.litert.model import to_litert
from eyebright.network.litert.quantization import to_litert_int8

__all__ = ["Graph", "Site", "emit", "to_litert", "to_litert_int8"]
