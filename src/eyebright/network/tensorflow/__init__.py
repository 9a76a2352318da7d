"""Networks as TensorFlow graphs. Each family of layers has a module with the operations that compute it."""

from eyebright.network.tensorflow import activations, basic, convolution, normalization, pooling
from eyebright.network.tensorflow.graph import Graph, emit
from eyebright.network.tensorflow.model import INPUT, LOGITS, SAVED_MODEL, to_saved_model
from eyebright.network.tensorflow.safety import require_only_computes
from eyebright.network.tensorflow.viewing import with_constants

__all__ = [
    "INPUT",
    "LOGITS",
    "SAVED_MODEL",
    "Graph",
    "emit",
    "require_only_computes",
    "to_saved_model",
    "with_constants",
]
