"""Layers of Keras as a file describes them."""

from eyebright.model.importing.keras_layers import StoredLayer


def layer(kind, *tensors, major=3, **settings):
    """A layer named "a" of a class, with its tensors and settings."""
    return StoredLayer(kind, "a", settings, tensors, major)
