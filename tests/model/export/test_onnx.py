import numpy as np
import onnx.reference
import pytest

from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.proof import synthetic_images
from eyebright.system.errors import ModelError


def test_onnx_runtime_answers_as_the_reference_implementation_of_onnx(exported, classifier):
    pixels = synthetic_images(classifier.preparation).pixels
    evaluator = onnx.reference.ReferenceEvaluator(str(exported / "model.onnx"))
    expected = evaluator.run(None, {"pictures": pixels})
    found = named_format("onnx").load(read_export(exported))(pixels)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)
    assert {*found.answer.tolist()} == {-1, 1} and found.unfamiliarity.std() > 0


def test_a_graph_that_onnx_runtime_cannot_read_is_an_error(exported):
    found = read_export(exported)
    (exported / "model.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(ModelError, match=r"model\.onnx does not run"):
        named_format("onnx").load(found)
