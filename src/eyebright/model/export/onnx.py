"""ONNX, run by ONNX Runtime: the graph of the model itself, or the same in 8 bits by ONNX Runtime's quantiser."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.model.engine import onnx_graph
from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner, runtime
from eyebright.model.folder import check_onnx
from eyebright.network.onnx import INPUT
from eyebright.system import machine
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers

FILE = "model.onnx"


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    graph = onnx_graph(source.network, source.weights, answering=source.answering)
    return {FILE: _quantised(graph, source) if precision == "int8" else graph}


def _quantised(graph: bytes, source: ExportSource) -> bytes:
    """The graph with weights (one scale for each map) and activations of the network in 8 bits; the rest in float32.

    Ranges are the least and greatest values for the calibration images.

    Raises:
        SettingsError: When there are no calibration images.
    """
    images = source.calibrating()
    quantization, preparing = (
        runtime(f"onnxruntime.{name}") for name in ("quantization", "quantization.shape_inference")
    )
    types = quantization.QuantType
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, made = (str(Path(folder, name)) for name in ("plain.onnx", "prepared.onnx", FILE))
        Path(plain).write_bytes(graph)
        preparing.quant_pre_process(plain, prepared, skip_symbolic_shape=True)  # batch norms join their convolutions
        quantization.quantize_static(
            prepared, made, _Reader(images), per_channel=True, activation_type=types.QUInt8,
            weight_type=types.QInt8, nodes_to_exclude=_after_logits(graph, source),
        )  # fmt: skip
        return _standard(Path(made).read_bytes())


class _Reader:
    """Gives ONNX Runtime's quantiser the images one by one."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next input; None at the end."""
        image = next(self._images, None)
        return None if image is None else {INPUT: image[None]}


def _after_logits(graph: bytes, source: ExportSource) -> list[str]:
    """The nodes that the logits do not depend on: probabilities, unfamiliarity and answer."""
    import onnx

    logits = onnx_graph(source.network, source.weights)  # they have the same name here
    needed = {output.name for output in onnx.load_from_string(logits).graph.output}
    after = []
    for node in reversed(onnx.load_from_string(graph).graph.node):
        if needed.isdisjoint(node.output):
            after.append(node.name)
        else:
            needed.update(node.input)
    return after


def _standard(graph: bytes) -> bytes:
    """The same graph without mention of operators that it does not use."""
    import onnx

    model = onnx.load_from_string(graph)
    used = [each for each in model.opset_import if each.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(used)
    return bytes(model.SerializeToString(deterministic=True))


def _load(exported: Exported) -> Runner:
    return run_graph(exported.file(FILE))


def run_graph(path: Path) -> Runner:
    """What runs a model's graph with ONNX Runtime; a `ModelError` where the file is unsafe or does not run."""
    outputs = graph_outputs(path)
    return lambda pictures: Answers.of_outputs(outputs(pictures))


def graph_outputs(path: Path) -> Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]:
    """From prepared images to the outputs of a graph by their names, with ONNX Runtime; errors as in `run_graph`."""
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
    return lambda pictures: dict(zip(names, session.run(names, {INPUT: pictures}), strict=True))


FORMAT = Format(
    name="onnx",
    title="ONNX",
    main=FILE,
    runtime=("onnxruntime",),
    precisions=("float32", "int8"),
    write=_write,
    load=_load,
)
