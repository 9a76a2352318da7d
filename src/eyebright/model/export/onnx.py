"""ONNX, run by ONNX Runtime: the graph of the model itself."""

from pathlib import Path

from eyebright.model.engine import onnx_graph
from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import Format, Run, Source, runtime
from eyebright.model.folder import check_onnx
from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY
from eyebright.network.onnx import INPUT
from eyebright.system import machine
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers

FILE = "model.onnx"


def _write(source: Source, precision: Precision) -> dict[str, bytes]:
    return {FILE: onnx_graph(source.network, source.weights, answering=source.answering)}


def _load(exported: Exported) -> Run:
    return run_graph(exported.file(FILE))


def run_graph(path: Path) -> Run:
    """What runs a model's graph with ONNX Runtime; a `ModelError` where the file is unsafe or does not run."""
    onnxruntime = runtime("onnxruntime")
    check_onnx(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = machine.cores()
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # its errors have no common base
        raise ModelError(f"{path} does not run: {problem}") from problem
    names = [output.name for output in session.get_outputs()]

    def run(pictures):  # type: ignore[no-untyped-def]
        found = dict(zip(names, session.run(names, {INPUT: pictures}), strict=True))
        return Answers(found[PROBABILITIES], found.get(UNFAMILIARITY), found[ANSWER])

    return run


FORMAT = Format(
    name="onnx", title="ONNX", main=FILE, runtime=("onnxruntime",), precisions=("float32",), write=_write, load=_load
)
