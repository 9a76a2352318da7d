"""LiteRT (.tflite), run by the package ai-edge-litert: for Android, iOS and small computers."""

from typing import Literal

from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner, runtime
from eyebright.system import machine
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers

FILE = "model.tflite"


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    from eyebright.network.litert import to_litert, to_litert_int8

    network, weights, answering, classes = source[:4]
    if precision == "int8":
        runtime("ai-edge-quantizer")
        return {FILE: to_litert_int8(network, weights, answering, source.calibrating(), classes=classes)}
    stored: Literal["float16", "float32"] = "float16" if precision == "float16" else "float32"
    return {FILE: to_litert(network, weights, answering, precision=stored, classes=classes)}


def _load(exported: Exported) -> Runner:
    path = exported.file(FILE)
    runtime("ai-edge-litert")
    from ai_edge_litert.interpreter import Interpreter

    try:
        with machine.chatter_discarded():  # it says that it uses the processor
            interpreter = Interpreter(str(path), num_threads=machine.cores())
            interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as problem:
        raise ModelError(f"{path} does not run: {problem}") from problem

    def answer(pictures):  # type: ignore[no-untyped-def]
        found = run(pictures=pictures)
        return Answers.of_outputs(found)

    return answer


FORMAT = Format(
    name="litert",
    title="LiteRT",
    main=FILE,
    runtime=("ai-edge-litert",),
    precisions=("float32", "float16", "int8"),
    write=_write,
    load=_load,
)
