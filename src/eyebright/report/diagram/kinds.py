"""Kinds of layers in a diagram, and their colours."""

from eyebright import network as layers
from eyebright.network import Layer

COLOURS = {  # of each kind: paper and ink
    "input": ("#edf2f7", "#4a5568"),
    "convolution": ("#dbeafe", "#1d4ed8"),
    "pooling": ("#d1fae5", "#047857"),
    "normalisation": ("#fef9c3", "#a16207"),
    "activation": ("#ffedd5", "#c2410c"),
    "dense": ("#ede9fe", "#6d28d9"),
    "merge": ("#fee2e2", "#b91c1c"),
    "dropout": ("#f3f4f6", "#6b7280"),
    "reshape": ("#e5e7eb", "#374151"),
    "other": ("#ffffff", "#111827"),
    "block": ("#e0f2f1", "#115e59"),
}
_KINDS: dict[str, tuple[type[Layer], ...]] = {
    "input": (layers.Input,),
    "convolution": (layers.Conv2d,),
    "pooling": (
        layers.MaxPool2d, layers.AvgPool2d, layers.AdaptiveAvgPool2d, layers.AdaptiveMaxPool2d, layers.GlobalAvgPool2d,
        layers.GlobalMaxPool2d,
    ),
    "normalisation": (
        layers.BatchNorm, layers.LayerNorm, layers.LocalContrastNorm, layers.LocalResponseNorm, layers.Normalize
    ),
    "activation": (
        layers.ELU, layers.GELU, layers.Hardsigmoid, layers.Hardswish, layers.LeakyReLU, layers.ReLU, layers.ReLU6,
        layers.Sigmoid, layers.SiLU, layers.Softmax, layers.Softplus, layers.Tanh,
    ),
    "dense": (layers.Linear,),
    "merge": (layers.Add, layers.Concat, layers.Multiply),
    "dropout": (layers.Dropout,),
    "reshape": (layers.Flatten,),
}  # fmt: skip


def kind_of(layer: Layer) -> str:
    """The kind of a layer; users' own are "other"."""
    return next((kind for kind, types in _KINDS.items() if isinstance(layer, types)), "other")
