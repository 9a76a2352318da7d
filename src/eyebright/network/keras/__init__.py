"""Networks as Keras models. Each family of layers has a module with the Keras layers that compute it."""

from eyebright.network.keras import activations, basic, convolution, normalization, pooling
from eyebright.network.keras.graph import Graph, KerasLayer, emit
from eyebright.network.keras.model import FEATURES, LOGITS, TEMPERATURE, to_keras

__all__ = ["FEATURES", "LOGITS", "TEMPERATURE", "Graph", "KerasLayer", "emit", "to_keras"]
