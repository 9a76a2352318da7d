"""OpenVINO on a model's ONNX graph, in float32: the same answers on every machine, to 1e-4. Features may be bfloat16.

What OpenVINO compiled is kept in the cache, by the digest of the graph, the version of OpenVINO and the processor, so
that the second start skips reading and compiling. A graph is checked before it is compiled for the first time.
"""

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import openvino
import PIL
from numpy.typing import NDArray

from eyebright.model.folder import StoredModel, check_onnx
from eyebright.network import Network
from eyebright.system import cache, files, machine
from eyebright.system.errors import ModelError, OutputError

Precision: TypeAlias = Literal["float32", "bfloat16"]
TOLERANCE = 1e-4  # of probabilities
PIXEL_TOLERANCE = 2  # of 255; Pillow's resizing is integer arithmetic, but its rounding is not promised
_DIGEST = 32


class Engine:
    """A compiled graph: prepared pictures in, probabilities out.

    Args:
        compiled: What OpenVINO compiled; see `of_model` and `of_bytes`.
    """

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._request = compiled.create_infer_request()

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Engine":
        """The engine of a model folder.

        Raises:
            ModelError: When the graph is not safe, does not run, or does not give what its golden pictures say.
        """
        core, blob = _core(), _cached(stored)
        known = None if blob is None else _import(core, blob)
        if known is not None:
            return cls(known)
        check_onnx(stored.onnx_path)
        compiled = _compile(core, stored.onnx_path, str(stored.onnx_path))
        _check_ports(compiled, stored)
        engine = cls(compiled)
        engine._prove(stored)
        if blob is not None:
            _keep(blob, compiled.export_model().getvalue())
        return engine

    @classmethod
    def of_bytes(cls, graph: bytes, *, precision: Precision = "float32") -> "Engine":
        """The engine of a graph that eyebright wrote, and that is not in a model's folder."""
        return cls(_compile(_core(precision), io.BytesIO(graph), "the ONNX graph"))

    def __call__(self, samples: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """What the graph gives: for a classifier's, probabilities.

        Args:
            samples: Prepared pictures `(N, height, width, 3)`, uint8, or vectors `(N, features)`, float32; one or more.

        Returns:
            `(N, classes)`, float32, each row adding up to 1; for other graphs, what they compute.
        """
        result = self._request.infer({0: np.ascontiguousarray(samples)})
        return np.array(result[0], np.float32)

    def _prove(self, stored: StoredModel) -> None:
        """Ask for the golden pictures: this machine must prepare them alike and give the answers that were given."""
        golden = stored.golden()
        try:
            if golden.probabilities.shape != (len(golden.prepared), len(stored.card.classes)):
                raise ValueError(f"their probabilities are of shape {golden.probabilities.shape}")
            pixels = golden.difference(stored.card.preparation)
            error = float(np.abs(self(golden.prepared) - golden.probabilities).max())
        except (RuntimeError, ValueError) as problem:
            raise ModelError(f"{stored.path} cannot be asked for its golden pictures: {problem}") from problem
        if pixels > PIXEL_TOLERANCE or not error <= TOLERANCE:
            raise ModelError(
                f"{stored.path} gives other answers here than where it was made: golden pictures are prepared with a "
                f"difference of {pixels} of 255 (allowed {PIXEL_TOLERANCE}), their probabilities differ by {error:.2g} "
                f"(allowed {TOLERANCE:g})"
            )


def onnx_graph(
    network: Network, weights: Mapping[str, NDArray[np.float32]], *, temperature: float | None = None
) -> bytes:
    """The ONNX graph of a network as the content of a file: logits, or with a temperature calibrated probabilities."""
    from eyebright.network.onnx import to_onnx

    return bytes(to_onnx(network, weights, temperature=temperature).SerializeToString(deterministic=True))


def fastest_precision() -> Precision:
    """bfloat16 where the processor computes in it, else float32."""
    return "bfloat16" if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "float32"


def _core(precision: Precision = "float32") -> openvino.Core:
    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": machine.cores(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    core.set_property("CPU", settings)
    return core


def _cached(stored: StoredModel) -> Path | None:
    """Where the compiled form of this graph is kept for this OpenVINO and processor."""
    proven = f"{stored.card.sha256['network.onnx']} {stored.card.sha256['golden.safetensors']}"
    made_for = f"{openvino.get_version()} {PIL.__version__} {machine.processor()} {machine.cores()}"
    key = hashlib.blake2b(f"{proven} {made_for}".encode(), digest_size=16).hexdigest()
    try:
        return files.cache_folder("compiled") / f"{key}.blob"
    except OutputError:
        return None  # no cache is a slower start, nothing worse


def _import(core: openvino.Core, blob: Path) -> openvino.CompiledModel | None:
    if not blob.exists():
        return None
    digest, content = blob.read_bytes()[:_DIGEST], blob.read_bytes()[_DIGEST:]
    try:
        if hashlib.sha256(content).digest() == digest:
            cache.mark_used(blob)
            return core.import_model(content, "CPU")
    except RuntimeError:  # written by another build
        pass
    blob.unlink(missing_ok=True)  # it is only a cache
    return None


def _keep(blob: Path, content: bytes) -> None:
    with suppress(OutputError):  # a full disk is a slower start, nothing worse
        files.write_file(blob, hashlib.sha256(content).digest() + content)


def _check_ports(compiled: openvino.CompiledModel, stored: StoredModel) -> None:
    height, width, channels = stored.card.preparation.shape
    expected = [f"[?,{height},{width},{channels}]", f"[?,{len(stored.card.classes)}]"]
    found = [str(port.partial_shape) for port in (*compiled.inputs, *compiled.outputs)]
    if found != expected:
        raise ModelError(
            f"{stored.onnx_path} must take pictures {expected[0]} and give probabilities {expected[1]}; "
            f"its inputs and outputs are {' '.join(found)}"
        )


def _compile(core: openvino.Core, graph: Path | io.BytesIO, what: str) -> openvino.CompiledModel:
    try:
        return core.compile_model(core.read_model(graph), "CPU")
    except RuntimeError as problem:
        raise ModelError(f"{what} does not run: {problem}") from problem
