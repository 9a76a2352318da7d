"""Networks as data: layers, graphs, their arithmetic, their initial weights, and their ONNX graph. No torch."""

from eyebright.network.graph import Network, Place
from eyebright.network.initial import initial_weights
from eyebright.network.layer import Layer, Node, Parameter, Shape
from eyebright.network.layers import Add, Conv2d, Dropout, Flatten, Input, Linear, MaxPool2d, Normalize, ReLU
from eyebright.network.weights import Weights, check_weights

__all__ = [
    "Add",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Network",
    "Node",
    "Normalize",
    "Parameter",
    "Place",
    "ReLU",
    "Shape",
    "Weights",
    "check_weights",
    "initial_weights",
]
