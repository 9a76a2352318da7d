import json

import msgspec
import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    Conv2d,
    GlobalMaxPool2d,
    Input,
    Layer,
    LayerNorm,
    Linear,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool2d,
    Normalize,
    Parameter,
    ReLU,
    Softmax,
)
from eyebright.network.layer import layer_from_dict, layer_to_dict
from eyebright.system.errors import NetworkError


def test_parameter_size_is_the_product_of_its_lengths():
    assert Parameter((64, 3, 7, 7), "he_normal").size == 9_408


def test_calling_a_layer_twice_makes_two_nodes():
    layer, source = ReLU(), Input((4,))()
    assert layer(source) is not layer(source)


def test_a_node_knows_what_it_reads_from_and_its_shape():
    source = Input((4,))()
    node = Linear(7)(source)
    assert node.inputs == (source,) and node.shape == (7,)


def test_layers_are_frozen():
    with pytest.raises(AttributeError):
        ReLU().name = "other"


@pytest.mark.parametrize(
    "layer",
    [
        Input((3, 8, 8)),
        Normalize(mean=(1.0, 2.0, 3.0), std=4.0, name="normalise"),
        Conv2d(8, (3, 5), stride=(2, 1), padding="same", dilation=2, groups=4, bias=False, initializer="he_uniform"),
        MaxPool2d(3, 2, padding=(1, 0)),
        Linear(10, name="眼睛 👁"),
        Add(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_survives_json(layer):
    assert layer_from_dict(json.loads(json.dumps(layer_to_dict(layer)))) == layer


def test_a_layer_is_written_as_its_type_and_its_settings():
    assert layer_to_dict(Linear(5, name="head")) == {
        "type": "Linear",
        "name": "head",
        "out_features": 5,
        "bias": True,
        "initializer": "glorot_uniform",
    }


def test_an_unnamed_layer_is_written_without_name():
    assert layer_to_dict(ReLU()) == {"type": "ReLU"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "Conv2D"}, "unknown type 'Conv2D': did you mean 'Conv2d'"),
        ({"type": "Zebra"}, "unknown type 'Zebra': known are AdaptiveAvgPool2d, .*, Tanh"),
        ({"type": "Layer"}, "unknown type 'Layer'"),
        ({"type": "Relu"}, "unknown type 'Relu': did you mean 'ReLU'"),
        ({"type": "Dense"}, "unknown type 'Dense'"),
        ({"type": "BatchNorm2d"}, "unknown type 'BatchNorm2d': did you mean 'BatchNorm'"),
        ({"type": "AveragePool2d", "kernel_size": 2}, "did you mean 'AvgPool2d'"),
        ({"name": "x"}, "no 'type': received .*'x'"),
        ({"type": ["ReLU"]}, "no 'type'"),
        ("ReLU", "no 'type'"),
        ({"type": "Dropout", "rate": 0.5}, r"Dropout.*unknown field `rate`"),
        ({"type": "Linear", "out_feature": 5}, "did you mean 'out_features'"),
        ({"type": "Conv2d", "out_channels": 4, "kernel": 3}, "unknown field `kernel`.*did you mean 'kernel_size'"),
        ({"type": "MaxPool2d", "kernel_size": 2, "strides": 2}, "unknown field `strides`.*did you mean 'stride'"),
        ({"type": "BatchNorm", "epsilon": 1e-3}, "unknown field `epsilon`"),
        ({"type": "Conv2d", "out_channels": 5}, "missing required field `kernel_size`"),
        ({"type": "Linear", "out_features": "5"}, r"Expected `int`, got `str` - at `\$.out_features`"),
        ({"type": "Linear", "out_features": True}, "Expected `int`, got `bool`"),
        ({"type": "Linear", "out_features": 5.5}, "Expected `int`, got `float`"),
        ({"type": "Linear", "out_features": 0}, "out_features must be above 0"),
        ({"type": "Conv2d", "out_channels": 5, "kernel_size": [3, 3, 3]}, "kernel_size"),
        ({"type": "Conv2d", "out_channels": 5, "kernel_size": 3, "padding": "full"}, "'full'.*padding"),
        ({"type": "Input", "shape": [3, 10**30, 8]}, "1 to 65536"),
        ({"type": "ReLU", "name": 5}, r"\$.name"),
    ],
)
def test_bad_data_is_refused_with_the_reason(data, message):
    with pytest.raises(NetworkError, match=message):
        layer_from_dict(data)


def test_the_error_says_which_layer_was_meant():
    with pytest.raises(NetworkError, match=r"^layer 'stem' is of unknown type 'Conv2D'"):
        layer_from_dict({"type": "Conv2D"}, what="layer 'stem'")


@pytest.mark.parametrize(
    ("layer", "count", "message"),
    [
        (ReLU(name="r"), 2, "ReLU 'r' takes 1 input.* given 2"),
        (Add(), 1, "Add takes 2 or more input.* given 1"),
        (Input((4,)), 1, "Input takes 0 input.* given 1"),
        (Linear(3), 0, "Linear takes 1 input.* given 0"),
    ],
)
def test_a_wrong_number_of_inputs_is_refused(layer, count, message):
    with pytest.raises(NetworkError, match=message):
        layer(*[Input((4,))() for _ in range(count)])


def test_a_new_layer_needs_only_its_shape_and_can_be_read_from_json(monkeypatch):
    monkeypatch.setattr(Layer, "kinds", dict(Layer.kinds))

    class Halve(Layer, frozen=True):
        stem = "halve"
        by: int = 2

        def output_shape(self, *inputs):
            return (inputs[0][0] // self.by,)

    assert Halve()(Input((8,))()).shape == (4,)
    assert layer_from_dict({"type": "Halve", "by": 3}) == Halve(by=3)
    assert msgspec.structs.fields(Halve)[-1].name == "name"


def test_what_a_layer_leaves_open_is_that_nothing_is_learned_and_one_pixel_seen():
    layer = ReLU()
    assert (layer.parameters((3, 8, 8)), layer.buffers((3, 8, 8)), layer.multiply_adds((3, 8, 8))) == ({}, {}, 0)
    assert layer.reach((3, 8, 8)) == ((1, 1), (1, 1)) and not Layer.monotone


@pytest.mark.parametrize(
    ("layer", "reach"),
    [
        (Conv2d(8, (3, 5), (2, 1), dilation=(1, 2)), ((3, 9), (2, 1))),
        (MaxPool2d(3), ((3, 3), (3, 3))),
        (AvgPool2d(2, 1), ((2, 2), (1, 1))),
        (AdaptiveAvgPool2d((6, 4)), ((3, 5), (3, 5))),  # 18 x 20 in parts
        (AdaptiveAvgPool2d(1), None),
        (GlobalMaxPool2d(), None),
        (LayerNorm(), None),
        (LocalContrastNorm(), None),
        (LocalResponseNorm(), ((1, 1), (1, 1))),
        (Softmax(), ((1, 1), (1, 1))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_reach_is_kernel_and_stride_or_everything(layer, reach):
    assert layer.reach((3, 18, 20)) == reach


def test_a_softmax_or_dense_layer_on_a_vector_sees_all_of_it():
    assert Softmax().reach((5,)) is None and Linear(3).reach((5,)) is None


def test_an_error_names_the_layer_and_where_its_inputs_come_from():
    pictures = Input((3, 8, 8), name="photo")()
    with pytest.raises(NetworkError, match=r"^Linear 'head', after photo: expected a vector"):
        Linear(5, name="head")(pictures)
    with pytest.raises(NetworkError, match=r"^MaxPool2d, after ReLU: its kernel of 9 x 9"):
        MaxPool2d(9)(ReLU()(pictures))


def test_a_result_too_large_to_be_meant_is_refused():
    with pytest.raises(NetworkError, match=r"gives \(3, 60000, 60000\) for one sample, more than 2,147,483,648 values"):
        Input((3, 60_000, 60_000))()


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[2J", "tab\t"])
def test_a_name_is_one_line_that_can_be_printed(name):
    with pytest.raises(NetworkError, match="a layer's name is one line"):
        ReLU(name=name)
