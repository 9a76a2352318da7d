"""Engine: runs an ONNX graph with OpenVINO, in float32, so that probabilities agree on all machines to 1e-4.

Graphs that compute features may also run in bfloat16, and `Engine.quick` does where an answer need not be exact. The
compiled graph of a model is stored in the cache, so that the second start does not compile. Before it is compiled for
the first time, the graph is checked; afterwards it must reproduce the golden images of the model.
"""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import openvino
import PIL
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.model.folder import check_onnx
from eyebright.model.golden import Golden
from eyebright.network import Network, Weights
from eyebright.network.answering import ANSWER, PROBABILITIES, UNFAMILIARITY, Answering
from eyebright.network.detecting import BOXES, SCORES, Detecting
from eyebright.system import cache, files, machine
from eyebright.system.errors import ModelError, OutputError
from eyebright.training.settings import ChosenPrecision
from eyebright.trust.answers import Answers

TOLERANCE = 1e-4  # of probabilities
TOLERANCES = {PROBABILITIES: TOLERANCE, UNFAMILIARITY: 1e-3, SCORES: TOLERANCE, BOXES: 1e-3}
PIXEL_TOLERANCE = 2  # of 255; the rounding in Pillow's resize may change between versions


class Stored(Protocol):
    """A folder with a graph, whose card is read and whose files are checked."""

    @property
    def path(self) -> Path: ...
    @property
    def onnx_path(self) -> Path: ...
    @property
    def preparation(self) -> Preparation: ...
    @property
    def sha256(self) -> Mapping[str, str]: ...
    @property
    def ports(self) -> Mapping[str, str]: ...
    def golden(self) -> Golden: ...
    def require_sound(self, golden: Golden, found: Mapping[str, NDArray[Any]], /) -> None: ...


class Engine:
    """A compiled graph.

    Args:
        compiled: The graph, compiled by OpenVINO; see `of_model` and `of_bytes`.
        graph: Its ONNX file, or the content of one.
    """

    def __init__(self, compiled: openvino.CompiledModel, graph: Path | bytes) -> None:
        self._graph = graph
        self._request = compiled.create_infer_request()
        self._names = [port.any_name for port in compiled.outputs]

    @classmethod
    def of_model(cls, stored: Stored) -> "Engine":
        """The engine of a model folder.

        Raises:
            ModelError: When the graph is unsafe, does not run, or does not reproduce its golden images.
        """
        core, blob = _core(), _cached(stored)
        known = None if blob is None else _import(core, blob)
        if known is not None:
            return cls(known, stored.onnx_path)
        check_onnx(stored.onnx_path)
        compiled = _compile(core, stored.onnx_path, str(stored.onnx_path))
        _check_ports(compiled, stored)
        engine = cls(compiled, stored.onnx_path)
        engine._check_golden(stored)
        if blob is not None:
            with suppress(OutputError):  # with a full disk only the next start is slower
                cache.keep(blob, compiled.export_model().getvalue())
        return engine

    @classmethod
    def of_bytes(cls, graph: bytes, *, precision: ChosenPrecision = "float32") -> "Engine":
        """The engine of a graph that eyebright has written itself; it is not checked."""
        return cls(_compile(_core(precision), io.BytesIO(graph), "the ONNX graph"), graph)

    @classmethod
    def of_file(cls, graph: Path, *, precision: ChosenPrecision = "float32") -> "Engine":
        """The engine of a graph in a file that OpenVINO reads; a `ModelError` where it does not run."""
        return cls(_compile(_core(precision), graph, str(graph)), graph)

    @cached_property
    def quick(self) -> "Engine":
        """The same graph in bfloat16, in about half the time; this engine where the processor has no bfloat16.

        Its probabilities differ by up to some percent, so it is only for questions where no single answer decides.
        """
        precision = fastest_precision()
        if precision == "float32":
            return self
        if isinstance(self._graph, bytes):
            return Engine.of_bytes(self._graph, precision=precision)
        return Engine.of_file(self._graph, precision=precision)

    def __call__(self, samples: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output of the graph, float32.

        Args:
            samples: Prepared images `(N, height, width, channels)`, uint8, or vectors `(N, features)`, float32; N >= 1.
        """
        return np.array(self._request.infer({0: np.ascontiguousarray(samples)})[0], np.float32)

    def outputs(self, samples: NDArray[np.uint8] | NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """All outputs of the graph by name; samples as in a call."""
        result = self._request.infer({0: np.ascontiguousarray(samples)})
        return {name: np.array(result[index]) for index, name in enumerate(self._names)}

    def answers(self, pictures: NDArray[np.uint8]) -> Answers:
        """The outputs of a model's graph for prepared images; one of format 1 gives only the probabilities."""
        found = self.outputs(pictures)
        probabilities = found[PROBABILITIES]
        if ANSWER not in found:
            return Answers.decided(probabilities, None)
        return Answers(probabilities, found.get(UNFAMILIARITY), found[ANSWER])

    def _check_golden(self, stored: Stored) -> None:
        """Raise a `ModelError` if this machine does not reproduce the golden images of a model."""
        golden = stored.golden()
        try:
            pixels = golden.pixel_difference(stored.preparation)
            found = self.outputs(golden.prepared)
            errors = {name: golden.difference(found, name) for name in stored.ports if name in TOLERANCES}
        except (RuntimeError, ValueError) as problem:
            raise ModelError(f"the golden images of {stored.path} cannot be checked: {problem}") from problem
        parts = [f"{name} by {error:.2g} (allowed: {TOLERANCES[name]:g})" for name, error in errors.items()]
        if pixels > PIXEL_TOLERANCE or not all(error <= TOLERANCES[name] for name, error in errors.items()):
            raise ModelError(
                f"{stored.path} predicts something else on this machine than where it was made: "
                f"the golden images differ by {pixels} of 255 after preparation (allowed: {PIXEL_TOLERANCE}), "
                f"their {' and their '.join(parts)}"
            )
        stored.require_sound(golden, found)


def onnx_graph(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    *,
    answering: Answering | Detecting | None = None,
    with_features: bool = False,
    layers: Sequence[str] = (),
) -> bytes:
    """The bytes of the ONNX graph of a network; arguments as in `eyebright.network.onnx.to_onnx`."""
    from eyebright.network.onnx import to_onnx

    graph = to_onnx(network, weights, answering=answering, with_features=with_features, layers=layers)
    return bytes(graph.SerializeToString(deterministic=True))


def layers_engine(
    network: Network, weights: Weights, layers: Sequence[str], precision: ChosenPrecision
) -> Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]:
    """What computes the values of some layers, `(N, *shape)` by their names, of prepared images."""
    return Engine.of_bytes(onnx_graph(network, weights, layers=layers), precision=precision).outputs


def fastest_precision() -> ChosenPrecision:
    """bfloat16 if the processor supports it, otherwise float32."""
    return "bfloat16" if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "float32"


def _core(precision: ChosenPrecision = "float32") -> openvino.Core:
    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": machine.cores(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    core.set_property("CPU", settings)
    return core


def _cached(stored: Stored) -> Path | None:
    """Path of the compiled graph in the cache, for this OpenVINO and this processor; None without a cache."""
    checked = f"{stored.sha256['network.onnx']} {stored.sha256['golden.safetensors']}"
    made_for = f"{openvino.get_version()} {PIL.__version__} {machine.processor()} {machine.cores()}"
    key = hashlib.blake2b(f"{checked} {made_for}".encode(), digest_size=16).hexdigest()
    try:
        return files.cache_folder("compiled") / f"{key}.blob"
    except OutputError:
        return None  # without a cache only the start is slower


def _import(core: openvino.Core, blob: Path) -> openvino.CompiledModel | None:
    content = cache.kept(blob)
    if content is None:
        return None
    try:
        cache.mark_used(blob)
        with machine.signal_stack_kept():
            return core.import_model(content, "CPU")
    except RuntimeError:  # written by another build of OpenVINO
        blob.unlink(missing_ok=True)
        return None


def _check_ports(compiled: openvino.CompiledModel, stored: Stored) -> None:
    height, width, channels = stored.preparation.shape
    expected = {"pictures": f"[?,{height},{width},{channels}]"}
    expected |= stored.ports
    found = {port.any_name: str(port.partial_shape) for port in (*compiled.inputs, *compiled.outputs)}
    if found != expected:
        described = (", ".join(f"{name} {shape}" for name, shape in ports.items()) for ports in (expected, found))
        raise ModelError("{}: expected the input and outputs {}, got {}".format(stored.onnx_path, *described))


def _compile(core: openvino.Core, graph: Path | io.BytesIO, what: str) -> openvino.CompiledModel:
    try:
        with machine.signal_stack_kept():
            return core.compile_model(core.read_model(graph), "CPU")
    except RuntimeError as problem:
        raise ModelError(f"{what} does not run: {problem}") from problem
