"""Exports: a model in the formats of other programs, each proven to answer as the model does."""

NAMES = (
    "onnx",
    "keras",
    "saved-model",
    "openvino",
    "litert",
    "web",
)
"""The formats, by their names on the command line; each has a module of this name, with `_` for `-`."""
