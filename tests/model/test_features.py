import importlib
import importlib.util
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from eyebright.data.pictures import open_with_digest
from eyebright.model import backbone
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system import cache
from eyebright.training import trainer

module = importlib.import_module("eyebright.model.features")
SMALL = Backbone(size_px=32, precision="float32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The published weights, read once for all tests here, into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYEBRIGHT_CACHE", str(tmp_path_factory.mktemp("weights")))
        return backbone.published_weights("efficientnet_lite0")


@pytest.fixture(autouse=True)
def published(weights, monkeypatch):
    monkeypatch.setattr(backbone, "published_weights", lambda name: weights)


@pytest.fixture
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8))


@pytest.fixture
def digests(pictures):
    return [open_with_digest(picture, SMALL.preparation).digest for picture in pictures]


class Opening:
    """Opens pictures, and notes which."""

    def __init__(self, pictures):
        self.pictures, self.asked = pictures, []

    def __call__(self, index):
        self.asked.append(index)
        return self.pictures[index]


def test_features_are_those_of_torch(pictures, digests, weights):
    given = features(Opening(pictures), digests, SMALL).read(range(40))
    module = TorchNetwork(SMALL.network, {name: weights[name] for name in SMALL.network.tensors}).eval()
    with torch.inference_mode():
        wanted = module(as_input(np.stack(pictures))).numpy()
    assert given.shape == (40, 1280) and given.std() > 0.05
    np.testing.assert_allclose(given, wanted, atol=1e-4)


def test_bfloat16_is_near_float32_and_takes_half_the_room(pictures, digests, own_cache):
    exact = features(Opening(pictures), digests, SMALL).read(range(40))
    rough = features(Opening(pictures), digests, Backbone(size_px=32, precision="bfloat16")).read(range(40))
    assert np.corrcoef(exact.ravel(), rough.ravel())[0, 1] > 0.99
    sizes = {path.name: path.stat().st_size for path in own_cache.glob("features/*/rows.*")}
    assert sizes == {"rows.f32": 40 * 1280 * 4, "rows.f16": 40 * 1280 * 2}


def test_they_are_computed_once_for_each_content_whatever_the_set(pictures, digests):
    calls, first = [], Opening(pictures)
    before = features(first, [*digests, digests[3]], SMALL, report=lambda *call: calls.append(call)).read(range(41))
    assert sorted(first.asked) == list(range(40)) and calls[0] == ("computing features", 1, 41)
    assert calls[-1] == ("computing features", 41, 41)
    np.testing.assert_array_equal(before[40], before[3])
    new = np.zeros((32, 32, 3), np.uint8)
    other = Opening([new, pictures[5]])
    after = features(other, [open_with_digest(new, SMALL.preparation).digest, digests[5]], SMALL).read([1])
    assert other.asked == [0]
    np.testing.assert_array_equal(after[0], before[5])


def test_nobody_waits_until_another_has_computed_all(pictures, digests, own_cache):
    SMALL.engine()  # its weights are read here
    others = []

    def midway(stage, done, of):
        if done < of and not others:
            others.append(threading.Thread(target=features, args=(Opening(pictures), digests[-3:], SMALL), daemon=True))
            others[0].start()
            others[0].join(300)
            others.append(others[0].is_alive())

    found = features(Opening(pictures), digests, SMALL, report=midway)
    assert others[1] is False
    assert np.isfinite(found.read(range(40))).all()
    assert sorted(found.rows) == list(range(40))  # what the other added was not added again


def test_what_is_removed_while_a_run_reads_it_stays_what_it_was(pictures, digests):
    found = features(Opening(pictures), digests[:20], SMALL)
    before = found.read(range(20))
    assert not cache.remove(entry for entry in cache.entries() if entry.kind == "features")
    np.testing.assert_array_equal(found.read(range(20)), before)
    features(Opening(pictures[20:]), digests[20:], SMALL)  # the folder is begun anew
    np.testing.assert_array_equal(found.read(range(20)), before)


def test_what_is_removed_while_it_is_computed_is_computed_again(pictures, digests, monkeypatch):
    whole = features(Opening(pictures), digests, Backbone(size_px=32, precision="float32")).read(range(40))
    module = importlib.import_module("eyebright.model.features")
    monkeypatch.setattr(module, "_APPENDED_AT_ONCE", 32)
    cache.remove(entry for entry in cache.entries() if entry.kind == "features")
    opening, busy = Opening(pictures), []

    def midway(stage, done, of):
        if done == 32 and not busy:  # the first of two batches has been added
            busy.append(cache.remove(entry for entry in cache.entries() if entry.kind == "features"))

    found = features(opening, digests, SMALL, report=midway)
    assert busy == [[]] and len(opening.asked) == 40 + 32
    np.testing.assert_allclose(found.read(range(40)), whole, atol=1e-5)


def test_another_size_fit_or_precision_is_another_cache(pictures, digests, own_cache):
    others = [Backbone(size_px=40), Backbone(size_px=32, fit="stretch"), Backbone(size_px=32, precision="bfloat16")]
    for made_by in (SMALL, *others):
        opening = Opening(pictures)
        features(opening, digests[:2], made_by)
        assert sorted(opening.asked) == [0, 1]
    assert len(list((own_cache / "features").iterdir())) == 4
    assert {entry.kind for entry in cache.entries()} >= {"features", "weights"}


def test_what_was_killed_goes_on(pictures, digests, own_cache):
    whole = features(Opening(pictures), digests, SMALL).read(range(40))
    rows = next(own_cache.glob("features/*/rows.f32"))
    rows.write_bytes(rows.read_bytes()[: 25 * 1280 * 4 + 17])
    opening = Opening(pictures)
    again = features(opening, digests, SMALL)
    assert sorted(opening.asked) == list(range(25, 40))
    np.testing.assert_allclose(again.read(range(40)), whole, atol=1e-5)  # other batches, other roundings


@pytest.mark.parametrize("name", ["rows.f32", "index.bin"])
def test_features_that_are_damaged_on_the_disk_are_computed_again(pictures, digests, own_cache, name):
    wanted = features(Opening(pictures), digests, SMALL).read(range(40))
    file = next(own_cache.glob(f"features/*/{name}"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    opening = Opening(pictures)
    with pytest.warns(UserWarning, match="is damaged on the disk"):
        found = features(opening, digests, SMALL).read(range(40))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert len(opening.asked) == 1
    assert not features(Opening([]), digests, SMALL).left_out  # mended, and no warning any more


def test_a_damaged_graph_of_the_backbone_is_written_again(own_cache):
    graph = SMALL.graph()
    (file,) = own_cache.glob("weights/*.graph")
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged on the disk"):
        assert SMALL.graph() == graph
    assert SMALL.graph() == graph


def test_pictures_that_cannot_be_opened_have_none(pictures, digests):
    pictures[2] = b"no picture"
    found = features(Opening(pictures), [b"", *digests[1:]], SMALL)
    assert found.rows[0] == found.rows[2] == -1 and list(found.left_out) == [2]
    assert "not an image" in found.left_out[2] or "identify" in found.left_out[2]
    assert np.isnan(found.read([0, 2])).all() and np.isfinite(found.read(np.r_[1, 3:40])).all()


def test_no_pictures_have_no_features():
    assert features(Opening([]), [], SMALL).read([]).shape == (0, 1280)


def test_finding_them_computed_loads_nothing_heavy(pictures, digests):
    features(Opening(pictures), digests, SMALL)
    code = (
        "import sys, numpy as np; from eyebright.model.backbone import Backbone\n"
        "from eyebright.model.features import features\n"
        f"found = features(None, [bytes.fromhex({digests[4].hex()!r})], Backbone(size_px=32, precision='float32'))\n"
        "assert np.isfinite(found.read([0])).all()\n"
        "assert not {'torch', 'onnx', 'sklearn'} & sys.modules.keys()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("gpu", [False, pytest.param(True, marks=pytest.mark.gpu)])
def test_many_images_are_computed_on_a_gpu_and_kept_apart(pictures, digests, monkeypatch, gpu, own_cache):
    if not gpu:  # another processor in its place
        monkeypatch.setattr(module, "finds_gpu", lambda device: device == "auto")
        made = trainer().TorchEngine
        monkeypatch.setattr(trainer(), "TorchEngine", lambda network, weights, device: made(network, weights, "cpu"))
    monkeypatch.setattr(module, "_FOR_A_GPU", 30)
    few = features(Opening(pictures), digests[:29], SMALL)
    many, again = features(Opening(pictures), digests, SMALL), Opening(pictures)
    features(again, digests, SMALL)
    assert (few.backbone.device, many.backbone.device, again.asked) == ("cpu", "cuda", [])
    assert len(list(own_cache.glob("features/*/rows.f32"))) == 2
    np.testing.assert_allclose(few.read(range(29)), many.read(range(29)), atol=1e-4)
    assert features(Opening(pictures), digests, SMALL, device="cpu").backbone.device == "cpu"
