"""What each layer of Keras becomes here. Each family of layers has a module."""

from eyebright.model.importing.keras_layers import activations, basic, convolution, normalization, pooling
from eyebright.model.importing.keras_layers.layer import KerasLayer, per_channel_last, translate, unsupported

__all__ = ["KerasLayer", "per_channel_last", "translate", "unsupported"]
