"""The part of LiteRT's schema that eyebright writes: the numbers of operators, options and types.

Source: schema.fbs of LiteRT (identifier TFL3); numbers in it never change. The tests compare these with the code that
the package ai-edge-litert generates from it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

IDENTIFIER, VERSION = "TFL3", 3
SAME, VALID = 0, 1  # padding
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU6": 3}  # those that an operator may apply to its result
TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "bool": 6}


class Options(NamedTuple):
    """The table with the options of an operator.

    Args:
        union: Its number among all such tables; 0 for none.
        fields: Its fields in order, up to the last that is written.
    """

    union: int
    fields: Mapping[str, type[np.generic]]


_I8, _I32, _F32, _BOOL = np.int8, np.int32, np.float32, np.bool_
_STRIDES = {"stride_w": _I32, "stride_h": _I32}
_DILATION = {"dilation_w_factor": _I32, "dilation_h_factor": _I32}
_FUSED = {"fused_activation_function": _I8}
_NONE = Options(0, {})
_POOL = Options(5, {"padding": _I8, **_STRIDES, "filter_width": _I32, "filter_height": _I32, **_FUSED})
_REDUCER = Options(27, {"keep_dims": _BOOL})

OPERATORS: dict[str, tuple[int, Options]] = {
    "ABS": (101, Options(78, {})),
    "ADD": (0, Options(11, _FUSED)),
    "ARG_MAX": (56, Options(40, {"output_type": _I8})),
    "AVERAGE_POOL_2D": (1, _POOL),
    "BATCH_MATMUL": (126, Options(101, {"adj_x": _BOOL, "adj_y": _BOOL})),
    "CAST": (53, Options(37, {"in_data_type": _I8, "out_data_type": _I8})),
    "CONCATENATION": (2, Options(10, {"axis": _I32, **_FUSED})),
    "CONV_2D": (3, Options(1, {"padding": _I8, **_STRIDES, **_FUSED, **_DILATION})),
    "DEPTHWISE_CONV_2D": (4, Options(2, {"padding": _I8, **_STRIDES, "depth_multiplier": _I32, **_FUSED, **_DILATION})),
    "DEQUANTIZE": (6, Options(38, {})),
    "DIV": (42, Options(29, _FUSED)),
    "ELU": (111, _NONE),
    "EXP": (47, Options(33, {})),
    "FULLY_CONNECTED": (9, Options(8, _FUSED)),
    "GATHER": (36, Options(23, {"axis": _I32, "batch_dims": _I32})),
    "GELU": (150, Options(116, {"approximate": _BOOL})),
    "GREATER": (61, Options(44, {})),
    "HARD_SWISH": (117, Options(91, {})),
    "LEAKY_RELU": (98, Options(75, {"alpha": _F32})),
    "LESS": (58, Options(41, {})),
    "LOCAL_RESPONSE_NORMALIZATION": (13, Options(13, {"radius": _I32, "bias": _F32, "alpha": _F32, "beta": _F32})),
    "LOG": (73, _NONE),
    "LOGICAL_OR": (84, Options(60, {})),
    "LOGISTIC": (14, _NONE),
    "MAXIMUM": (55, Options(39, {})),
    "MAX_POOL_2D": (17, _POOL),
    "MEAN": (40, _REDUCER),
    "MUL": (18, Options(21, _FUSED)),
    "NEG": (59, Options(42, {})),
    "PAD": (34, Options(22, {})),
    "PADV2": (60, Options(43, {})),
    "REDUCE_MAX": (82, _REDUCER),
    "RELU": (19, _NONE),
    "RELU6": (21, _NONE),
    "RESHAPE": (22, Options(17, {})),
    "RESIZE_NEAREST_NEIGHBOR": (97, Options(74, {})),
    "RSQRT": (76, _NONE),
    "SELECT_V2": (123, Options(98, {})),
    "SLICE": (65, Options(48, {})),
    "SOFTMAX": (25, Options(9, {"beta": _F32})),
    "SQRT": (75, _NONE),
    "SUB": (41, Options(28, _FUSED)),
    "SUM": (74, _REDUCER),
    "TANH": (28, _NONE),
    "TRANSPOSE": (39, Options(26, {})),
}
