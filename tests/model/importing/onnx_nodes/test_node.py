import pytest

from eyebright.model.importing.onnx import onnx_network
from eyebright.system.errors import ModelError


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        ([("Transpose", ["x"], "y", {})], {}, "the operator Transpose of 'y' cannot be imported: .*Supported: Add"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(write, nodes, constants, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(write(*nodes, **constants))
