"""OpenVINO's intermediate representation: an .xml with the graph and a .bin with the weights."""

import io
import tempfile
from pathlib import Path

import openvino

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner
from eyebright.training.settings import ChosenPrecision

GRAPH, WEIGHTS = "model.xml", "model.bin"


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    """The files. In float16 the weights are; bfloat16 is how OpenVINO computes, with weights in float32."""
    graph = onnx_graph(source.network, source.weights, answering=source.answering)
    model = openvino.Core().read_model(io.BytesIO(graph))
    for position, node in enumerate(model.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():  # made of a number that counts up in the process
            node.set_friendly_name(f"{node.get_type_name()}_{position}")
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(model, str(Path(folder, GRAPH)), compress_to_fp16=precision == "float16")
        return {name: Path(folder, name).read_bytes() for name in (GRAPH, WEIGHTS)}


def _load(exported: Exported) -> Runner:
    exported.file(WEIGHTS)  # OpenVINO reads it beside the graph
    computed: ChosenPrecision = "bfloat16" if exported.card.precision == "bfloat16" else "float32"
    return Engine.of_file(exported.file(GRAPH), precision=computed).answers


FORMAT = Format(
    name="openvino",
    title="OpenVINO",
    main=GRAPH,
    runtime=("openvino",),
    precisions=("float32", "float16", "bfloat16"),
    write=_write,
    load=_load,
)
