import numpy as np
import onnx
import onnx.reference
import pytest

from eyebright.model.export.export import write_export
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.images import synthetic_images
from eyebright.system.errors import ModelError, SettingsError


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


@pytest.fixture
def quantised(source, classifier, tmp_path):
    """Exports in int8, calibrated on the images that the test gives."""

    def export(images, name="int8"):
        given = source._replace(calibration=images)
        return write_export(given, classifier.predictor.answers, "onnx", tmp_path / name, precision="int8")

    return export


def test_int8_has_weights_in_a_byte_and_answers_in_float(quantised, source, classifier, tmp_path):
    images = synthetic_images(classifier.preparation).pixels[::4]
    exported, proof = quantised(images)
    assert exported.sizes()["model.onnx"] < 0.5 * 4 * classifier.network.parameter_count
    assert 1e-4 < proof.difference < 0.2 and proof.export.cpu_ms > 0
    model = onnx.load(exported.path / "model.onnx")
    assert [each.domain for each in model.opset_import] == [""]
    found = {values.name: onnx.numpy_helper.to_array(values) for values in model.graph.initializer}
    np.testing.assert_array_equal(found["familiar.directions"], source.answering.familiar.directions)
    name = next(iter(classifier.get_weights()))
    scales, weights = found[f"{name}_scale"], classifier.get_weights()[name]
    greatest = np.abs(weights).max(axis=(1, 2, 3))  # of each map, as the quantiser's documentation says
    np.testing.assert_allclose(scales * 127, greatest, rtol=0.01)
    again, _ = quantised(images, "again")
    assert (again.path / "model.onnx").read_bytes() == (exported.path / "model.onnx").read_bytes()


def test_int8_needs_images_and_is_refused_where_it_changes_too_much(quantised, classifier):
    with pytest.raises(SettingsError, match="int8 takes the ranges of values from images"):
        quantised(None)
    with pytest.raises(ModelError, match=r"in int8 is refused.*changes \d+ of \d+ confident answers"):
        quantised(np.zeros((4, *classifier.preparation.shape), np.uint8))  # ranges of black images
