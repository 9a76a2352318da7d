"""Keras 3: one file that opens in safe mode with torch, TensorFlow or JAX, and gives probabilities.

Unfamiliarity and answer are not among its outputs, so that `predict` gives what people expect. They are computed with
NumPy from the layers "logits" and "features".
"""

import os
from importlib.util import find_spec

from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner, runtime
from eyebright.network.keras import FEATURES, LOGITS, to_keras
from eyebright.system.errors import MissingExtraError, ModelError
from eyebright.trust.answers import answers_of

FILE = "model.keras"
_BACKENDS = ("torch", "tensorflow", "jax")  # OpenVINO's computes in bfloat16


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    return {FILE: to_keras(source.network, source.weights, answering=source.answering)}


def _load(exported: Exported) -> Runner:
    path, answering = exported.file(FILE), exported.answering()
    _choose_backend()
    keras = runtime("keras")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        inner = keras.Model(model.input, [model.get_layer(name).output for name in (LOGITS, FEATURES)])
    except Exception as problem:  # its errors have no common base
        raise ModelError(f"{path} does not open in Keras: {problem}") from problem

    def run(pictures):  # type: ignore[no-untyped-def]
        logits, features = inner.predict(pictures, verbose=0)
        return answers_of(answering, logits, features.mean(axis=(1, 2)) if features.ndim == 4 else features)

    return run


def _choose_backend() -> None:
    """Set what Keras computes with to what is installed, unless it is set.

    Raises:
        MissingExtraError: When there is none.
    """
    if "KERAS_BACKEND" not in os.environ:
        found = [name for name in _BACKENDS if find_spec(name)]
        if not found:
            raise MissingExtraError("Keras needs torch, TensorFlow or JAX, which are missing: pip install torch")
        os.environ["KERAS_BACKEND"] = found[0]


FORMAT = Format(
    name="keras", title="Keras", main=FILE, runtime=("keras",), precisions=("float32",), write=_write, load=_load,
    in_graph=False,
)  # fmt: skip
