"""What each layer of Keras becomes here. Each family of layers has a module."""

from eyebright.model.importing.keras_layers import activations, basic, convolution, normalization, pooling
from eyebright.model.importing.keras_layers.layer import StoredLayer, per_channel_last, translate, unsupported

__all__ = ["StoredLayer", "per_channel_last", "translate", "unsupported"]
