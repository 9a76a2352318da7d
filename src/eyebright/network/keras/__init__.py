"""Networks as Keras models. Each family of layers has a module with the Keras layers that compute it."""

from eyebright.network.keras import activations, basic, convolution, normalization, pooling
from eyebright.network.keras.graph import Graph, KerasLayer, emit
from eyebright.network.keras.model import TEMPERATURE, built, layer_names, to_keras

__all__ = ["TEMPERATURE", "Graph", "KerasLayer", "built", "emit", "layer_names", "to_keras"]
