"""The bytes of a LiteRT model: the graph as tables of its schema."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from eyebright.network.litert.flatbuffer import Table, serialized
from eyebright.network.litert.graph import Graph, Operator, Tensor
from eyebright.network.litert.schema import IDENTIFIER, OPERATORS, TYPES, VERSION
from eyebright.system.errors import NetworkError

SIGNATURE = "serving_default"
_MOST_BYTES = 2**31 - 1
_VERSIONS = {"DEQUANTIZE": 3}  # of operators: the first that reads float16


def packed(graph: Graph, inputs: list[str], outputs: list[str], metadata: Mapping[str, bytes]) -> bytes:
    """The bytes of a model with one graph.

    Args:
        graph: The graph.
        inputs: Names of its inputs.
        outputs: Names of its outputs.
        metadata: What else the file holds, by name.

    Raises:
        NetworkError: If it would have more than 2 GiB.
    """
    constants = [tensor.values for tensor in graph.tensors.values() if tensor.values is not None]
    size = sum(array.nbytes for array in constants)
    if size > _MOST_BYTES:
        raise NetworkError(f"a LiteRT model has at most 2 GiB, but these weights have {size / 2**30:.1f} GiB")
    values = [*constants, *(np.frombuffer(content, np.uint8) for content in metadata.values())]
    kinds = list(dict.fromkeys(operator.kind for operator in graph.operators))
    root: Table = {
        0: np.uint32(VERSION),
        1: [_operator_code(kind) for kind in kinds],
        2: [_subgraph(graph, inputs, outputs, kinds)],
        3: "eyebright",
        4: [{}, *({0: array.ravel().view(np.uint8)} for array in values)],  # the first is for all without values
        6: [{0: name, 1: np.uint32(len(constants) + 1 + number)} for number, name in enumerate(metadata)],
        7: [_signature(graph, inputs, outputs)],
    }
    return serialized(root, IDENTIFIER, size=size)


def _operator_code(kind: str) -> Table:
    code = OPERATORS[kind][0]
    return {0: np.int8(min(code, 127)), 2: np.int32(_VERSIONS.get(kind, 1)), 3: np.int32(code)}


def _subgraph(graph: Graph, inputs: list[str], outputs: list[str], kinds: list[str]) -> Table:
    index = {name: position for position, name in enumerate(graph.tensors)}
    tensors, buffer = [], 0
    for name, tensor in graph.tensors.items():
        buffer += tensor.values is not None
        tensors.append(_tensor(name, tensor, buffer if tensor.values is not None else 0))
    return {
        0: tensors,
        1: _indices(inputs, index),
        2: _indices(outputs, index),
        3: [_operator(operator, index, kinds) for operator in graph.operators],
        4: "main",
    }


def _tensor(name: str, tensor: Tensor, buffer: int) -> Table:
    table: Table = {
        0: np.array(tensor.shape, np.int32),
        1: np.int8(TYPES[tensor.dtype]),
        2: np.uint32(buffer),
        3: name,
        8: np.bool_(True),  # it has a rank, also where that is 0
    }
    if tensor.batched:
        table[7] = np.array((-1, *tensor.shape[1:]), np.int32)
    return table


def _operator(operator: Operator, index: dict[str, int], kinds: list[str]) -> Table:
    table: Table = {
        0: np.uint32(kinds.index(operator.kind)),
        1: _indices(operator.inputs, index),
        2: _indices([operator.output], index),
    }
    options = OPERATORS[operator.kind][1]
    if options.union:
        table[3] = np.uint8(options.union)
        table[4] = {
            field: dtype(operator.options[name])
            for field, (name, dtype) in enumerate(options.fields.items())
            if name in operator.options
        }
    return table


def _signature(graph: Graph, inputs: list[str], outputs: list[str]) -> Table:
    index = {name: position for position, name in enumerate(graph.tensors)}

    def named(names: list[str]) -> list[Table]:
        return [{0: name, 1: np.uint32(index[name])} for name in names]

    return {0: named(inputs), 1: named(outputs), 2: SIGNATURE, 4: np.uint32(0)}


def _indices(names: list[str], index: dict[str, int]) -> Any:
    return np.array([index[name] for name in names], np.int32)
