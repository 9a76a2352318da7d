"""Whether an ONNX file may be handed to a runtime: standard operators only, and nothing that points outside the
file.
"""

from pathlib import Path

from eyebright.errors import ModelError

_MOST_BYTES = 2_000_000_000


def check_onnx(path: Path) -> None:
    """Refuse an ONNX file that could read other files or run foreign code.

    Raises:
        ModelError: When the file is no ONNX, keeps tensors outside itself, or uses operators that are not ONNX's own.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_BYTES / 1e9:.0f} GB, more than ONNX allows in one file")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise ModelError(f"{path} is not an ONNX file: {problem}") from problem
    foreign = {imported.domain for imported in model.opset_import} - {"", "ai.onnx"}
    if foreign:
        raise ModelError(f"{path} uses operators that are not ONNX's own, from {', '.join(sorted(foreign))}: refused")
    if model.functions:
        raise ModelError(f"{path} defines functions of its own: refused")
    waiting = [model]  # every tensor and every node, in subgraphs too
    while waiting:
        current = waiting.pop()
        if isinstance(current, onnx.TensorProto) and (
            current.data_location == onnx.TensorProto.EXTERNAL or current.external_data
        ):
            raise ModelError(f"{path} keeps tensor {current.name!r} outside the file: refused")
        if isinstance(current, onnx.NodeProto) and current.domain not in ("", "ai.onnx"):
            raise ModelError(f"{path} uses the foreign operator {current.domain}.{current.op_type}: refused")
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value if field.is_repeated else [value])
