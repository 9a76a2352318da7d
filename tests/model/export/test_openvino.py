import pytest

from eyebright.model.export.export import write_export
from eyebright.model.export.formats import named_format
from eyebright.system.errors import ModelError


def export(source, classifier, path, precision=""):
    return write_export(source, classifier.predictor.answers, "openvino", path, precision=precision)


def test_the_folder_is_proven_and_written_alike(source, classifier, tmp_path):
    _, proof = export(source, classifier, tmp_path / "a")
    assert proof.difference <= 1e-6 and proof.labels_changed == 0
    export(source, classifier, tmp_path / "b")
    for name in ("model.xml", "model.bin", "export.json", "golden/answers.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_fewer_bits_are_distinguished(source, classifier, tmp_path, precision):
    exported, proof = export(source, classifier, tmp_path / "a", precision)
    assert 1e-6 < proof.difference < 0.05  # not the same numbers as in float32
    parameters = classifier.network.parameter_count
    assert (exported.sizes()["model.bin"] < 3 * parameters) == (precision == "float16")


def test_a_damaged_graph_is_an_error(source, classifier, tmp_path):
    exported, _ = export(source, classifier, tmp_path / "a")
    (tmp_path / "a" / "model.xml").write_text("<net/>")
    with pytest.raises(ModelError, match=r"model\.xml does not run"):
        named_format("openvino").load(exported)
