"""SavedModel, run by TensorFlow: a graph with probabilities, unfamiliarity and answer; the weights are variables.

Netron draws each variable as two nodes beside the network, whatever wrote the file. The folder therefore has the same
graph for Netron too, with the shapes of the weights in place of variables. Both in saved_model.pb, as two graphs,
would not do: `tf.saved_model.load` then asks which one is meant.
"""

import os

from eyebright.model.export.exported import NETRON, Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner, runtime
from eyebright.network.tensorflow import INPUT, SAVED_MODEL, require_only_computes, to_saved_model, with_constants
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    files = to_saved_model(source.network, source.weights, answering=source.answering)
    return files | {NETRON: with_constants(files[SAVED_MODEL])}


def _load(exported: Exported) -> Runner:
    path = exported.file(SAVED_MODEL)
    try:
        require_only_computes(path.read_bytes())
    except ModelError as problem:
        raise ModelError(f"{path} is not run: {problem}; export the model again") from problem
    folder = path.parent
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors
    tensorflow = runtime("tensorflow")
    try:
        model = tensorflow.saved_model.load(str(folder))
        signature = model.signatures["serving_default"]
    except Exception as problem:  # its errors have no common base
        raise ModelError(f"{folder / SAVED_MODEL} does not open in TensorFlow: {problem}") from problem

    def run(pictures):  # type: ignore[no-untyped-def]
        found = {name: values.numpy() for name, values in signature(**{INPUT: tensorflow.constant(pictures)}).items()}
        return Answers.of_outputs(found)

    run.model = model  # type: ignore[attr-defined]  # its variables live as long as it
    return run


FORMAT = Format(
    name="saved-model", title="TensorFlow's SavedModel", main=SAVED_MODEL, runtime=("tensorflow",),
    precisions=("float32",), write=_write, load=_load,
)  # fmt: skip
