"""The model folder: reads and writes what it is given, runs nothing."""

from eyebright.model.card import Calibration, ModelCard, Provenance, Seen
from eyebright.model.folder import StoredModel, find_model, read_model, write_model
from eyebright.model.golden import Golden, golden_pictures
from eyebright.model.plain import is_plain, read_plain, write_plain
from eyebright.model.safe_onnx import check_onnx

__all__ = [
    "Calibration",
    "Golden",
    "ModelCard",
    "Provenance",
    "Seen",
    "StoredModel",
    "check_onnx",
    "find_model",
    "golden_pictures",
    "is_plain",
    "read_model",
    "read_plain",
    "write_model",
    "write_plain",
]
