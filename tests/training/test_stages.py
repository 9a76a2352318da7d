import pytest

from eyebright.network import BatchNorm, Conv2d, Dropout, Flatten, Input, LayerNorm, Linear, Network, ReLU, zoo
from eyebright.network.rewrites import with_means
from eyebright.system.errors import SettingsError
from eyebright.training.settings import Settings
from eyebright.training.stages import decaying, frozen_layers, rate_factors, require_batch, settled_layers, stages

PLAIN = Network.sequential(
    Input((3, 8, 8)), Conv2d(4, 3), BatchNorm(), ReLU(), Conv2d(4, 3), LayerNorm(), Flatten(), Linear(2)
)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("resnet18", 64, ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]),
        ("flowers_cnn", 32, ["conv_1", "conv_2", "conv_3", "dense_1", "dense_2"]),
        ("efficientnet_lite0", 64, ["_conv_stem", *(f"_blocks.{number}" for number in range(16)), "_conv_head", "_fc"]),
    ],
)
def test_named_networks_have_the_stages_of_their_papers(name, size, expected):
    network = zoo.build(name, num_classes=3, input_size=size)
    found = stages(network)
    assert list(found) == expected
    assert sorted(sum(found.values(), ())) == sorted(n for n, place in network.places.items() if place.tensors)


def test_a_norm_belongs_to_the_layer_before_it():
    assert stages(zoo.build("resnet18", num_classes=3, input_size=64))["conv1"] == ("conv1", "bn1")
    assert list(stages(PLAIN).values()) == [
        ("conv_1", "batch_norm_1"), ("conv_2", "layer_norm_1"), ("linear_1",)
    ]  # fmt: skip


def test_from_settled_layers_the_rest_of_a_network_follows():
    frozen = ("_conv_stem", *(f"_blocks.{number}" for number in range(11)))
    plain = zoo.build("efficientnet_lite0", num_classes=3, input_size=64)
    assert settled_layers(plain, frozen) == ("_blocks.10._add",)
    wide = with_means(plain, plain.places["_fc"].inputs[0], ["_blocks.4._add", "_blocks.14._add"])
    assert set(settled_layers(wide, frozen)) == {"_blocks.10._add", "_blocks.4._add_mean"}
    assert settled_layers(plain, ()) == ()


def test_what_comes_after_dropout_is_not_settled():
    network = Network.sequential(Input((3, 8, 8)), Conv2d(4, 3), Dropout(0.5), Conv2d(4, 3), Flatten(), Linear(2))
    assert settled_layers(network, ("conv_1", "conv_2")) == ("conv_1",)


def test_rates_shrink_by_the_same_factor_with_every_stage_from_the_head():
    factors = rate_factors(zoo.build("resnet18", num_classes=3, input_size=64), 0.5)
    assert (factors["fc"], factors["layer4.1.bn2"], factors["bn1"]) == (1, 1 / 2, 1 / 32)
    assert set(rate_factors(PLAIN, 1.0).values()) == {1.0}


def test_kernels_decay_and_biases_and_norms_do_not():
    decays = {f"{name}.{key}" for name, place in PLAIN.places.items() for key in decaying(place)}
    assert decays == {"conv_1.weight", "conv_2.weight", "linear_1.weight"}


def test_names_stand_for_stages_layers_and_beginnings():
    network = zoo.build("resnet18", num_classes=3, input_size=64)
    assert frozen_layers(network, ["conv1"]) == {"conv1", "bn1"}
    assert frozen_layers(network, ["layer1.0.conv1"]) == {"layer1.0.conv1"}
    first = frozen_layers(network, ["layer1.0"])
    assert len(first) == 4 and all(name.startswith("layer1.0.") for name in first)
    assert frozen_layers(network, ["layer1"]) > first
    assert frozen_layers(network, []) == frozenset()
    lite = zoo.build("efficientnet_lite0", num_classes=3, input_size=64)
    assert not any(name.startswith("_blocks.1") and name[9] != "." for name in frozen_layers(lite, ["_blocks.1"]))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["layer9"], r"frozen: unknown layer or stage 'layer9': did you mean 'layer\d'"),
        (["avgpool"], "'avgpool' is a GlobalAvgPool2d, which has no weights"),
        (
            ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"],
            "nothing would be trained: remove at least the last layer",
        ),
    ],
)
def test_names_that_freeze_nothing_or_all_are_refused(names, words):
    with pytest.raises(SettingsError, match=words):
        frozen_layers(zoo.build("resnet18", num_classes=3, input_size=64), names)


ON_VECTORS = Network.sequential(Input((3, 8, 8)), Flatten(), Linear(4), BatchNorm(), ReLU(), Linear(2))


@pytest.mark.parametrize(
    ("network", "settings", "processes", "enough"),
    [(ON_VECTORS, {"batch_size": 1}, 1, 2), (ON_VECTORS, {"batch_size": 4}, 4, 8),
     (ON_VECTORS, {"batch_size": 2}, 1, 0),
     (ON_VECTORS, {"batch_size": 1, "norm_statistics": "kept"}, 1, 0), (PLAIN, {"batch_size": 1}, 1, 0),
     (ON_VECTORS, {"batch_size": 1, "frozen": ("linear_1",)}, 1, 0)],
)  # fmt: skip
def test_a_batch_norm_that_would_see_one_value_of_a_channel_is_refused(network, settings, processes, enough):
    settings = Settings().changed(settings)
    if not enough:
        require_batch(network, settings, processes)
        return
    with pytest.raises(SettingsError, match=f"'batch_norm_1' has one value.* batch_size = {enough} or more"):
        require_batch(network, settings, processes)
