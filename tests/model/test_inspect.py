import base64
import gzip
import json
import sys
import types
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image

import eyebright as eb
from eyebright.model import inspect
from eyebright.network import (
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Normalize,
    ReLU,
    initial_weights,
    save_weights,
    zoo,
)
from eyebright.network.onnx import to_onnx
from eyebright.system.errors import MissingExtraError, ModelError, NetworkError, PictureError, SettingsError


@pytest.fixture
def network() -> Network:
    """A convolution that passes the middle pixel of each channel on, and a dense layer."""
    layers = [Input((3, 6, 5)), Normalize(0, 1), Conv2d(4, 3, padding="same"), ReLU(), Flatten(), Linear(2)]
    return Network.sequential(*layers)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(3).integers(0, 256, (6, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def model(tmp_path: Path, network: Network) -> Path:
    eb.Classifier(network, classes=["cat", "dog"], seed=5).save(tmp_path / "model")
    return tmp_path / "model"


def test_a_name_is_a_network_as_published_with_the_initial_weights() -> None:
    subject = inspect.load_network("lenet5")
    assert subject.network == zoo.lenet5(10, input_size=32, channels=1)
    assert not subject.trained
    expected = initial_weights(subject.network)
    assert all(np.array_equal(values, expected[name]) for name, values in subject.weights().items())


def test_a_name_takes_another_size_and_number_of_classes() -> None:
    network = inspect.load_network("resnet18", size=64, classes=7).network
    assert (network.input_shape, network.output_shape) == ((3, 64, 64), (7,))


def test_a_file_of_json_is_a_network(tmp_path: Path, network: Network) -> None:
    (tmp_path / "net.json").write_text(network.to_json())
    assert inspect.load_network(str(tmp_path / "net.json")).network == network


def test_a_network_of_ones_own_has_no_published_weights(tmp_path: Path, network: Network) -> None:
    (tmp_path / "net.json").write_text(network.to_json())
    subject = inspect.load_network(str(tmp_path / "net.json"), weights="published")
    with pytest.raises(SettingsError, match=r"there are no published weights for .*net\.json, which is not in the zoo"):
        subject.weights()


def test_a_model_folder_brings_its_weights_its_graph_and_its_classes(model: Path, network: Network) -> None:
    subject = inspect.load_network(str(model))
    expected = eb.Classifier(network, classes=["cat", "dog"], seed=5).get_weights()
    assert (subject.network, subject.trained, subject.classes) == (network, True, ("cat", "dog"))
    assert all(np.array_equal(values, expected[name]) for name, values in subject.weights().items())
    assert subject.onnx == model / "network.onnx"


def test_a_plain_models_folder_is_found_too(tmp_path: Path) -> None:
    network = Network.sequential(Input((4,)), Linear(2))
    plain = eb.Model(network, seed=3)
    plain.save(tmp_path / "plain")
    subject = inspect.load_network(str(tmp_path / "plain"))
    assert (subject.network, subject.trained, subject.preparation) == (network, True, None)
    assert np.array_equal(subject.weights()["linear_1.weight"], plain.get_weights()["linear_1.weight"])


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    weights = initial_weights(zoo.mlp(10, channels=1), 9)
    subject = inspect.load_network("mlp", weights=str(save_weights(tmp_path / "ckpt", weights)))
    assert subject.trained
    assert np.array_equal(subject.weights()["dense_1.weight"], weights["dense_1.weight"])


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        ("resnet19", {}, NetworkError, "no folder, file or network 'resnet19': did you mean 'resnet1[08]'"),
        ("runs/nothing", {}, ModelError, "runs/nothing does not exist"),
        ("nothing.json", {}, NetworkError, "nothing.json cannot be read: No such file"),
        (".", {"size": 3}, SettingsError, "--size and --classes need the name of a network"),
        (".", {"classes": 0}, SettingsError, "--size and --classes need the name of a network"),
        (".", {"weights": "published"}, SettingsError, "--weights needs the name or JSON of a network"),
        (".", {}, ModelError, "is not a model"),
        ("mlp", {"classes": 0}, NetworkError, "out_features must be from 1 to"),
    ],
)
def test_what_cannot_be_found_is_explained(target, options, error, words, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        inspect.load_network(target, **options)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NetworkError, match=r"notes\.txt: the network cannot be read"):
        inspect.load_network(str(tmp_path / "notes.txt"))


def test_kernels_are_the_weights_of_a_convolution(model: Path) -> None:
    subject = inspect.load_network(str(model))
    assert inspect.kernels(subject, "conv_1").shape == (4, 3, 3, 3)
    assert np.array_equal(inspect.kernels(subject, "conv_1"), subject.weights()["conv_1.weight"])


def test_a_layer_that_is_no_convolution_lists_the_convolutions() -> None:
    with pytest.raises(NetworkError, match=r"c1_tanh is a Tanh.*the convolutions are c1, c3$"):
        inspect.kernels(inspect.load_network("lenet5"), "c1_tanh")
    with pytest.raises(NetworkError, match="the network has none"):
        inspect.kernels(inspect.load_network("mlp"), "dense_1")


def test_of_many_convolutions_only_the_first_are_listed() -> None:
    with pytest.raises(NetworkError, match=r"features\.conv0, .* and 180 more$"):
        inspect.kernels(inspect.load_network("densenet201"), "classifier")


def test_an_unknown_layer_names_the_nearest(photo: Path) -> None:
    subject = inspect.load_network("mlp")
    for look in (
        lambda: inspect.kernels(subject, "dens_1"),
        lambda: inspect.activations(subject, photo, "dens_1"),
    ):
        with pytest.raises(NetworkError, match="no layer 'dens_1': did you mean 'dense_1'"):
            look()


@pytest.mark.parametrize("layer", ["input_1", "normalize_1", "conv_1", "relu_1", "flatten_1", "linear_1"])
def test_activations_are_what_the_graph_gives_at_that_layer(model: Path, photo: Path, layer: str) -> None:
    """ONNX's own reference implementation runs the part of the network that leads there."""
    subject = inspect.load_network(str(model))
    pixels, found = inspect.activations(subject, photo, layer)
    assert np.array_equal(pixels, np.asarray(Image.open(photo)))
    part = subject.network.up_to(layer)
    graph = to_onnx(part, {name: subject.weights()[name] for name in part.tensors})
    expected = ReferenceEvaluator(graph).run(None, {graph.graph.input[0].name: pixels[None]})[0][0]
    assert found.shape == subject.network.places[layer].shape
    assert np.allclose(found, expected, atol=1e-3)


def test_a_convolution_with_known_weights_gives_what_it_should(tmp_path: Path, photo: Path) -> None:
    """A 1x1 kernel that takes twice the red minus the blue."""
    network = Network.sequential(Input((3, 6, 5)), Conv2d(1, 1, name="mix", bias=False))
    weights = {"mix.weight": np.array([2, 0, -1], np.float32).reshape(1, 3, 1, 1)}
    subject = inspect.load_network("lenet5")._replace(network=network, weights=lambda: weights)
    subject = subject._replace(preparation=eb.Preparation(width=5, height=6))
    pixels, found = inspect.activations(subject, photo, "mix")
    assert np.allclose(found[0], 2.0 * pixels[..., 0] - pixels[..., 2])


def test_networks_on_grey_see_the_picture_in_grey(photo: Path) -> None:
    """Luma of ITU-R 601: 0.299 red + 0.587 green + 0.114 blue."""
    pixels, found = inspect.activations(inspect.load_network("mlp", size=6), photo, "input")
    assert found.shape == (1, 6, 6)
    assert pixels.shape == (6, 6, 1)
    red, green, blue = np.moveaxis(eb.open_picture(photo, eb.Preparation(width=6, height=6)).astype(float), 2, 0)
    assert np.allclose(found[0], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1)


def test_a_network_on_vectors_has_no_maps(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "net.json").write_text(Network.sequential(Input((4,)), Linear(2, name="out")).to_json())
    with pytest.raises(NetworkError, match=r"takes \(4,\), not images"):
        inspect.activations(inspect.load_network(str(tmp_path / "net.json")), photo, "out")


def test_a_picture_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"nowhere\.jpg: file not found"):
        inspect.activations(inspect.load_network("mlp"), tmp_path / "nowhere.jpg", "input")


@pytest.fixture
def netron(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A stand-in for Netron that keeps what it was asked to show."""
    seen: dict[str, object] = {}

    def start(file: str) -> tuple[str, int]:
        seen.update(file=file, content=Path(file).read_bytes())
        return "localhost", 8123

    module = types.SimpleNamespace(start=start, wait=lambda: seen.update(waited=True))
    monkeypatch.setitem(sys.modules, "netron", module)
    return seen


def test_netron_shows_the_models_own_graph_and_the_address_is_reported(model: Path, netron: dict[str, object]) -> None:
    said: list[str] = []
    inspect.open_netron(inspect.load_network(str(model)), say=said.append)
    assert netron["file"] == str(model / "network.onnx")
    assert netron["waited"]
    assert "http://localhost:8123" in said[0]


def test_netron_shows_the_graph_inside_a_page(model: Path, tmp_path: Path, netron: dict[str, object]) -> None:
    packed = base64.b64encode(gzip.compress((model / "network.onnx").read_bytes())).decode()
    (tmp_path / "index.html").write_text(f'<script type="text/plain" id="network">{packed}</script>')
    inspect.open_netron(tmp_path / "index.html", say=lambda _: None)
    assert netron["content"] == (model / "network.onnx").read_bytes()


def test_netron_shows_a_network_without_a_model_with_names_and_weights(netron: dict[str, object]) -> None:
    inspect.open_netron(inspect.load_network("lenet5"), say=lambda _: None)
    graph = onnx.load_model_from_string(netron["content"]).graph
    assert {"c1.weight", "output.bias"} <= {tensor.name for tensor in graph.initializer}
    assert {"c1", "output"} <= {node.name for node in graph.node}
    assert not Path(str(netron["file"])).exists()


def test_without_netron_the_way_to_get_it_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "netron", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyebright\[netron\]'"):
        inspect.open_netron(inspect.load_network("mlp"), say=print)


def test_a_network_of_a_newer_format_is_refused_with_the_files_name(tmp_path: Path, network: Network) -> None:
    data = json.loads(network.to_json()) | {"format": 99}
    (tmp_path / "net.json").write_text(json.dumps(data))
    with pytest.raises(NetworkError, match=r"net\.json: .*99"):
        inspect.load_network(str(tmp_path / "net.json"))
