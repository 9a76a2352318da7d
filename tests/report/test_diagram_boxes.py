import re

from eyebright.network import Add, Conv2d, Flatten, Input, Layer, Linear, Network, ReLU, zoo
from eyebright.report.diagram_boxes import KINDS, Item, fold, lines_of


def folded(network: Network, depth: int) -> list[Item]:
    return fold(network, network.places, "", "", depth)


def test_a_layer_shares_a_box_with_the_one_before_only_if_no_other_reads_that():
    x = Input((3, 8, 8), name="x")()
    first = ReLU(name="relu")(Conv2d(4, 3, padding=1, name="conv")(x))
    read_twice = Conv2d(4, 3, padding=1, name="read_twice")(first)
    network = Network(x, Add(name="add")(read_twice, ReLU(name="after")(read_twice)))
    assert [box.layers for box in folded(network, 1)] == [
        ("x",), ("conv", "relu"), ("read_twice",), ("after",), ("add",),
    ]  # fmt: skip


def test_blocks_are_boxes_up_to_the_depth_and_frames_above_it():
    network = zoo.named_network("resnet18").as_published()
    stages = [item for item in folded(network, 1) if item.name.startswith("layer")]
    assert [(item.name, item.items) for item in stages] == [(f"layer{number}", ()) for number in (1, 2, 3, 4)]
    inside = next(item for item in folded(network, 2) if item.name == "layer1").items
    assert [(item.name, item.within) for item in inside] == [("layer1.0", "layer1"), ("layer1.1", "layer1")]


def test_a_box_says_kinds_settings_shapes_and_parameters():
    x = Input((3, 8, 8), name="x")()
    network = Network(
        x,
        Linear(2, name="fc")(Flatten(name="flat")(ReLU(name="relu")(Conv2d(6, 3, stride=2, groups=3, name="conv")(x)))),
    )
    first, second, _, last = folded(network, 1)
    assert lines_of(network, first)[-1] == ("", "3x8x8", "")
    assert lines_of(network, second) == [  # grouped: 6 filters of 1x3x3 weights, and 6 biases
        ("convolution", "conv", "Conv2d 3x3 /2, 6, depthwise"), ("activation", "relu", "ReLU"),
        ("", "6x3x3", "60 params"),
    ]  # fmt: skip
    assert lines_of(network, last) == [("dense", "fc", "Linear 2"), ("", "2", "110 params")]  # 2 x (54 + 1)


def test_every_built_in_layer_has_a_colour_of_its_kind() -> None:
    def kind(name: str) -> str:
        return next(kind for kind, (_, _, types) in KINDS.items() if re.fullmatch(types, name))

    built_in = {name for name, layer in Layer.types.items() if layer.__module__.startswith("eyebright.")}
    rooms = {  # the module that a layer is in says the same
        "activations": "activation", "convolution": "convolution", "normalization": "normalisation",
        "pooling": "pooling",
    }  # fmt: skip
    expected = {name: rooms.get(Layer.types[name].__module__.rpartition(".")[2]) for name in built_in}
    expected |= {"Input": "input", "Add": "merge", "Concat": "merge", "Multiply": "merge"}
    expected |= {
        "Linear": "dense",
        "Dropout": "dropout",
        "Flatten": "reshape",
        "Unflatten": "reshape",
        "Upsample": "reshape",
        "ZeroPad2d": "reshape",
        "Normalize": "normalisation",
    }
    assert {name: kind(name) for name in built_in} == expected
