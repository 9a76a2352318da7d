"""What each operator of ONNX becomes here, as torchvision's and timm's classifiers use them, by families of layers."""

from eyebright.model.importing.onnx_nodes import activations, basic, convolution, normalization, pooling
from eyebright.model.importing.onnx_nodes.constants import compute
from eyebright.model.importing.onnx_nodes.node import Array, OnnxNode, translate

__all__ = ["Array", "OnnxNode", "compute", "translate"]
