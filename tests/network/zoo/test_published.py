import hashlib
import importlib.util
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from eyebright.network import Conv2d, Flatten, Input, Linear, Network, ReLU, initial_weights, zoo
from eyebright.network.zoo import NamedNetwork, Published, pretrained, published_weights, with_new_head
from eyebright.system.errors import DownloadError, NetworkError


def tiny(num_classes: int = 5, *, input_size: int = 4, channels: int = 1) -> Network:
    return Network.sequential(
        *(Input((channels, input_size, input_size)), Conv2d(2, 3, padding=1, name="conv"), ReLU(), Flatten()),
        *(Linear(6, name="hidden"), ReLU(), Linear(num_classes, name="head")),
    )


WEIGHTS = initial_weights(tiny(), 7)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(tmp_path):
    """A folder with a file of weights for `tiny`, which others offer."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    extra = {"aux1.weight": torch.ones(3), "conv.num_batches_tracked": torch.tensor(4)}
    torch.save({name: torch.from_numpy(values) for name, values in WEIGHTS.items()} | extra, folder / "made")
    digest = hashlib.sha256((folder / "made").read_bytes()).hexdigest()
    (folder / "made").rename(folder / f"tiny-{digest[:8]}.pth")
    return folder


@pytest.fixture
def file(shelf):
    (file,) = shelf.iterdir()
    return file


@pytest.fixture
def closed():
    """An address at which nobody answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def publish(monkeypatch, file):
    """Publishes the file of `tiny` as something."""

    def publish(**changes):
        entry = Published(**{"file": file.name, "address": "", "ignored": ("aux1.",)} | changes)
        monkeypatch.setitem(zoo.NETWORKS, "tiny", NamedNetwork(tiny, 2020, "", "small", 5, 4, 1))
        monkeypatch.setitem(zoo.WEIGHTS, "tiny", entry)
        return entry

    return publish


def alike(found, expected=WEIGHTS):
    return found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)


def test_published_weights_are_downloaded_once(publish, shelf, own_cache, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=shelf)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        publish(address=f"http://127.0.0.1:{server.server_port}")
        assert alike(published_weights("tiny", report=lambda *step: seen.append(step)))
        server.shutdown()
        thread.join()
    (name,) = (file.name for file in shelf.iterdir())
    size = (own_cache / "weights" / name).stat().st_size
    assert seen == [("downloading", size, size)]
    (own_cache / "weights" / name).unlink()
    assert alike(published_weights("tiny"))


def test_a_file_that_was_put_there_by_hand_is_used(publish, file, own_cache, closed):
    publish(address=closed)
    (own_cache / "weights").mkdir()
    file.rename(own_cache / "weights" / file.name)
    assert alike(published_weights("tiny"))


def test_converted_weights_that_are_damaged_on_the_disk_are_converted_again(publish, file, own_cache, closed):
    publish(address=closed)
    (own_cache / "weights").mkdir()
    file.rename(own_cache / "weights" / file.name)
    published_weights("tiny")
    (converted,) = own_cache.glob("weights/*.weights")
    content = bytearray(converted.read_bytes())
    content[-2] ^= 1
    converted.write_bytes(content)
    with pytest.warns(UserWarning, match="weights is damaged on the disk"):
        assert alike(published_weights("tiny"))
    assert alike(published_weights("tiny"))


def test_a_wrong_file_that_was_put_there_by_hand_is_an_error(publish, file, own_cache, closed):
    publish(address=closed)
    (own_cache / "weights").mkdir()
    place = own_cache / "weights" / file.name
    place.write_bytes(b"something else")
    digest = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(DownloadError, match=rf"^{place} is not the published file: its SHA-256 is {digest}"):
        published_weights("tiny")
    assert place.read_bytes() == b"something else"


def test_if_the_download_fails_the_message_says_which_file_to_put_where(publish, file, own_cache, closed):
    publish(address=closed)
    with pytest.raises(DownloadError) as caught:
        published_weights("tiny")
    assert all(part in str(caught.value) for part in (f"{closed}/{file.name}", str(own_cache / "weights" / file.name)))


def test_weights_come_from_a_package_that_is_installed(publish, file, tmp_path, monkeypatch):
    publish(package="tiny_pytorch_model")
    (tmp_path / "tiny_pytorch_model" / "models").mkdir(parents=True)
    (tmp_path / "tiny_pytorch_model" / "__init__.py").write_text("raise RuntimeError('nobody needs to import this')")
    file.rename(tmp_path / "tiny_pytorch_model" / "models" / file.name)
    monkeypatch.syspath_prepend(tmp_path)
    assert alike(published_weights("tiny"))


def test_a_package_that_is_not_installed_is_named_and_the_place_for_its_file(publish, file, own_cache):
    publish(package="tiny_pytorch_model")
    place = own_cache / "weights" / file.name
    with pytest.raises(DownloadError, match=rf"tiny-pytorch-model, or copy its file {file.name} to {place}"):
        published_weights("tiny")


def test_weights_of_another_network_are_refused_and_not_kept(publish, file, own_cache, monkeypatch):
    publish(ignored=())
    (own_cache / "weights").mkdir()
    file.rename(own_cache / "weights" / file.name)
    with pytest.raises(NetworkError, match=r"6 tensors fit; 1 unexpected \(aux1\.weight\)"):
        published_weights("tiny")
    assert [file.suffix for file in (own_cache / "weights").iterdir()] == [".pth"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mlp", "no weights are published for 'mlp': known are alexnet_owt, "),
        ("alexnet", "no weights are published for 'alexnet': did you mean 'alexnet_owt'"),
        ("resnet", "unknown network 'resnet': did you mean"),
    ],
)
def test_a_name_without_published_weights_is_refused(name, message):
    with pytest.raises(NetworkError, match=message):
        published_weights(name)


def test_a_head_for_other_classes_is_one_argument(publish, file, own_cache):
    publish()
    (own_cache / "weights").mkdir()
    file.rename(own_cache / "weights" / file.name)
    network, weights = pretrained("tiny", num_classes=3, seed=11)
    assert network.output_shape == (3,) and weights["head.weight"].shape == (3, 6)
    network, weights = pretrained("tiny", num_classes=5)
    assert network == tiny() and alike(weights)


def test_a_new_head_is_initialised_from_the_seed_and_the_rest_is_kept():
    network = tiny(3)
    found = with_new_head(network, WEIGHTS, seed=11)
    initial = initial_weights(network, 11)
    head = {name: initial[name] for name in ("head.weight", "head.bias")}
    assert alike(found, {name: WEIGHTS[name] for name in network.tensors} | head)
    assert list(found) == list(network.tensors)
    assert not np.array_equal(found["head.weight"], with_new_head(network, WEIGHTS, seed=12)["head.weight"])


def test_weights_that_fit_are_unchanged():
    assert alike(with_new_head(tiny(), WEIGHTS, seed=11))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (tiny(3, channels=3), r"1 with the wrong shape \(conv\.weight: expected \(2, 3, 3, 3\), got \(2, 1, 3, 3\)\)$"),
        (tiny(3, input_size=5), r"1 with the wrong shape \(hidden\.weight: expected \(6, 50\), got \(6, 32\)\)$"),
        (tiny(3, input_size=5, channels=3), r"2 with the wrong shape \(conv\.weight: .*, hidden\.weight: "),
        (Network.sequential(Input((32,)), Linear(3, name="head")), r"4 unexpected \(conv\.weight, conv\.bias, hidden"),
    ],
)
def test_only_the_head_may_have_other_shapes(network, words):
    with pytest.raises(NetworkError, match=words):
        with_new_head(network, WEIGHTS)


def test_a_missing_head_is_refused():
    weights = {name: values for name, values in WEIGHTS.items() if name != "head.bias"}
    with pytest.raises(NetworkError, match=r"1 missing \(head\.bias\)"):
        with_new_head(tiny(3), weights)


@pytest.mark.parametrize("name", zoo.WEIGHTS)
def test_each_file_bears_digits_of_its_digest_and_each_network_is_in_the_catalog(name):
    published = zoo.WEIGHTS[name]
    assert len(published.digest) == 8 and set(published.digest) <= set("0123456789abcdef")
    assert name in zoo.NETWORKS and bool(published.address) != bool(published.package) and published.licence


def test_the_weights_that_come_with_the_extra_need_no_network(monkeypatch):
    monkeypatch.setattr("eyebright.system.downloads.download", lambda *_, **__: pytest.fail("something was downloaded"))
    network, weights = pretrained("efficientnet_lite0", num_classes=5, input_size=64)
    assert weights["_fc.weight"].shape == (5, 1280) and weights.keys() == network.tensors.keys()


def test_auxiliary_classifiers_of_published_files_are_left_out():
    weights = {"fc.weight": np.zeros(1, np.float32), "aux1.fc1.weight": np.zeros(1, np.float32)}
    assert zoo.without_extras("googlenet", weights).keys() == {"fc.weight"}
    assert zoo.without_extras("resnet18", weights) == weights


LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")

TORCHVISION = tuple(sorted(zoo.WEIGHTS.keys() - set(LITE)))


def deviation(found, expected):
    """The largest difference among the first ten logits, relative to the norm of all."""
    norms = np.array(expected["logits_norm"])
    differences = np.abs(found[:, :10] - np.array(expected["logits_first10"])).max(axis=1)
    norms_found = np.linalg.norm(found.astype(np.float64), axis=1)
    return float(max((differences / norms).max(), np.abs(norms_found / norms - 1).max()))


def test_every_published_network_is_in_the_reference(reference):
    assert zoo.WEIGHTS.keys() == reference.keys()


@pytest.mark.parametrize("name", zoo.WEIGHTS)
def test_names_and_shapes_of_all_tensors_are_as_published_and_in_their_order(reference, name):
    tensors = zoo.NETWORKS[name].as_published().tensors
    expected = reference[name]["tensors"]
    assert [[key, list(tensor.shape)] for key, tensor in tensors.items()] == expected


@pytest.mark.parametrize("name", zoo.WEIGHTS)
def test_parameters_and_multiply_adds_are_as_published(reference, name):
    network, expected = zoo.NETWORKS[name].as_published(), reference[name]
    counts = (expected["parameters"], expected["multiply_adds" if name in LITE else "multiply_adds_224"])
    assert (network.parameter_count, network.multiply_adds) == counts


@pytest.mark.parametrize("name", TORCHVISION)
def test_outputs_are_those_of_torchvision(reference, name, waves, filling, logits):
    network = zoo.NETWORKS[name].as_published()
    found = logits(network, filling(network), waves(0, (2, 3, 224, 224)))
    assert deviation(found, reference[name]) < 1e-4


@pytest.mark.parametrize("name", LITE)
def test_outputs_on_imagenet_weights_are_those_of_their_publisher(reference, name, waves, logits):
    package = zoo.WEIGHTS[name].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed: it holds the weights")
    network, expected = zoo.NETWORKS[name].as_published(), reference[name]
    found = logits(network, zoo.published_weights(name), 2 * waves(0, (2, *network.input_shape)) - 1)
    norms = np.linalg.norm(found, axis=1)
    assert (np.abs(found[:, :10] - expected["logits_first10"]).max(axis=1) < 1e-4 * norms).all()
    assert found.argmax(axis=1).tolist() == expected["argmax"]


@pytest.mark.parametrize("name", LITE)
def test_the_digest_of_the_weights_is_the_one_that_their_file_bears(reference, name):
    assert reference[name]["weights_sha256"].startswith(zoo.WEIGHTS[name].digest)
