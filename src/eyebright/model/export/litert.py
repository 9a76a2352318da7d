"""LiteRT (.tflite), run by the package ai-edge-litert: for Android, iOS and small computers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import Format, Run, Source, runtime
from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY
from eyebright.system import machine
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers

FILE = "model.tflite"


def _write(source: Source, precision: Precision) -> dict[str, bytes]:
    from eyebright.network.litert import to_litert

    network, weights, answering = source[:3]
    stored: Literal["float16", "float32"] = "float16" if precision == "float16" else "float32"
    return {FILE: to_litert(network, weights, answering, precision=stored, classes=source.classes)}


def _load(exported: Exported) -> Run:
    path = exported.file(FILE)
    runtime("ai-edge-litert")
    from ai_edge_litert.interpreter import Interpreter

    try:
        with _silent():
            interpreter = Interpreter(str(path), num_threads=machine.cores())
            interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as problem:
        raise ModelError(f"{path} does not run: {problem}") from problem

    def answer(pictures):  # type: ignore[no-untyped-def]
        found = run(pictures=pictures)
        return Answers(found[PROBABILITIES], found.get(UNFAMILIARITY), found[ANSWER])

    return answer


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what LiteRT writes to the standard error past Python: that it uses the processor."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


FORMAT = Format(
    name="litert",
    title="LiteRT",
    main=FILE,
    runtime=("ai-edge-litert",),
    precisions=("float32", "float16"),
    write=_write,
    load=_load,
)
