"""ONNX classifiers of other programs as networks, such as torchvision's and timm's.

The graph is read by protobuf without any runtime. Only standard operators and tensors inside the file are accepted.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from eyebright.model.folder import check_onnx
from eyebright.model.importing.assembly import Assembly, Value
from eyebright.model.importing.onnx_nodes import Array, OnnxNode, compute, translate
from eyebright.network import Input, Network, Weights
from eyebright.system import files
from eyebright.system.errors import ModelError, NetworkError

_MOST_NODES = 20_000
_LEARNING = ("Conv", "BatchNormalization", "Gemm", "MatMul")


def onnx_network(path: Path, size: tuple[int, int] | None = None) -> tuple[Network, Weights, str]:
    """The network of an ONNX file, its weights, and the program that wrote it.

    Args:
        path: The file; its graph takes images `(N, channels, height, width)`, float32.
        size: Height and width of the images, for a graph that takes any.

    Raises:
        ModelError: When the file is damaged or unsafe, or an operator is not supported.
    """
    import onnx

    with files.read_errors(path, ModelError):
        check_onnx(path)
        model = onnx.load_model_from_string(path.read_bytes())
    try:
        opset = max((each.version for each in model.opset_import), default=1)
        network, weights = _Reading(model.graph, opset).network(size)
    except NetworkError as problem:
        raise ModelError(str(problem)) from problem
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, StopIteration) as problem:
        if isinstance(problem, ModelError):
            raise
        raise ModelError(f"its graph cannot be understood: {type(problem).__name__}: {problem}") from problem
    return network, weights, f"ONNX of {model.producer_name or 'an unknown program'} {model.producer_version}".strip()


class _Reading:
    """One pass over a graph."""

    def __init__(self, graph: Any, opset: int) -> None:
        from onnx import numpy_helper

        self.graph, self.opset = graph, opset
        self.assembly = Assembly()
        self.found: dict[str, Value | Array | None] = {"": None}
        self.found |= {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.readers = Counter(source for node in graph.node for source in node.input)

    def network(self, size: tuple[int, int] | None) -> tuple[Network, Weights]:
        """The network up to the graph's only output."""
        inputs = [given for given in self.graph.input if given.name not in self.found]
        if (len(inputs), len(self.graph.output)) != (1, 1):
            counts = f"{len(inputs)} inputs and {len(self.graph.output)} outputs"
            raise ModelError(f"it has {counts}: only models with one of each can be imported")
        shape = _input_shape(inputs[0], size)
        self.found[inputs[0].name] = self.assembly.add(Input(shape, name="pictures"))
        nodes = list(self.graph.node)
        if len(nodes) > _MOST_NODES:
            raise ModelError(f"it has {len(nodes):,} nodes, more than the limit of {_MOST_NODES:,}")
        for index, node in enumerate(nodes):
            if node.output[0] not in self.found:
                self._read(node, nodes[index + 1] if index + 1 < len(nodes) else None)
        output = self.found.get(self.graph.output[0].name)
        if not isinstance(output, Value):
            raise ModelError("its output does not depend on its input")
        return self.assembly.finish(output)

    def _read(self, given: Any, following: Any) -> None:
        """Find what a node gives."""
        missing = [name for name in given.input if name not in self.found]
        if missing:
            raise ModelError(f"the node {given.name!r} reads {missing[0]!r}, which no node before it gives")
        read = tuple(self.found[name] for name in given.input)
        node = OnnxNode(given.op_type, _name(given), read, _settings(given), self.opset)
        try:
            constant = compute(node)
            if constant is not None:
                self.found[given.output[0]] = constant
                return
            added = self._added(given, following)
            if added is not None:
                node = node._replace(given=(*node.given, added))
            value = translate(self.assembly, node)
        except NetworkError as problem:
            raise ModelError(f"the operator {node.kind} of {node.name!r} cannot be imported: {problem}") from problem
        self.found[(given if added is None else following).output[0]] = value

    def _added(self, given: Any, following: Any) -> Array | None:
        """The constant that the next node adds to a product of matrices: its bias."""
        if given.op_type != "MatMul" or following is None or following.op_type != "Add":
            return None
        product = given.output[0]
        others = [self.found.get(name) for name in following.input if name != product]
        if self.readers[product] != 1 or len(others) != 1 or product not in following.input:
            return None
        return others[0] if isinstance(others[0], np.ndarray) else None


def _input_shape(given: Any, size: tuple[int, int] | None) -> tuple[int, ...]:
    """(C, H, W) of the images that a graph takes."""
    sides = [axis.dim_value for axis in given.type.tensor_type.shape.dim]  # 0 for any
    if len(sides) != 4 or given.type.tensor_type.elem_type != 1:
        raise ModelError("expected a graph that takes images (N, channels, height, width) of float32")
    channels, height, width = sides[1:]
    if not height or not width:
        if size is None:
            raise ModelError("it takes images of any size: choose one, as in --size 224")
        height, width = size
    return channels, height, width


def _settings(node: Any) -> dict[str, Any]:
    """The attributes of a node as plain values."""
    from onnx import TensorProto, helper, numpy_helper

    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, TensorProto):
            value = numpy_helper.to_array(value)
        elif isinstance(value, bytes):
            value = value.decode()
        elif not isinstance(value, int | float | str):
            value = list(value)
        found[attribute.name] = value
    return found


def _name(node: Any) -> str:
    """A name for the layer: that of PyTorch's module if it has weights, as in /layer1/layer1.0/conv1/Conv."""
    *scopes, last = [step for step in str(node.name).split("/") if step] or [str(node.op_type).lower()]
    module = ""
    for scope in scopes:
        module = scope if not module or scope.startswith(f"{module}.") else f"{module}.{scope}"
    if module and node.op_type in _LEARNING:
        return module
    return f"{module}.{last.lower()}" if module else last
