import io
import zipfile

import pytest

from eyebright.network import initial_weights, zoo
from eyebright.network.answering import Answering
from eyebright.network.litert import to_litert


@pytest.fixture(scope="module")
def content():
    network = zoo.flowers_cnn(3, input_size=16)
    return to_litert(network, initial_weights(network), Answering(), classes=["rose", "tulip", "Gänseblümchen"])


def test_labels_are_in_an_archive_behind_the_model(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.namelist() == ["labels.txt"] and archive.testzip() is None
    assert archive.read("labels.txt").decode() == "rose\ntulip\nGänseblümchen\n"


def test_the_metadata_names_the_labels_of_the_probabilities(read, content):
    model = read(content)
    (entry,) = model.metadata
    table = bytes(model.buffers[entry.buffer].data)
    assert entry.name == b"TFLITE_METADATA" and table[4:8] == b"M001"
    assert table.count(b"labels.txt\0") == 2 and b"probabilities\0" in table and b"pictures\0" in table


def test_a_model_with_labels_runs(content):
    from ai_edge_litert.interpreter import Interpreter

    assert Interpreter(model_content=content).get_signature_list()["serving_default"]["inputs"] == ["pictures"]


def test_the_same_classes_give_the_same_bytes(content):
    network = zoo.flowers_cnn(3, input_size=16)
    classes = ["rose", "tulip", "Gänseblümchen"]
    assert to_litert(network, initial_weights(network), Answering(), classes=classes) == content
