import json

import numpy as np
import pytest

from eyebright.model.importing.keras import keras_network
from eyebright.model.importing.keras_file import KerasFile, read_keras
from eyebright.network import Add
from eyebright.system.errors import ModelError


def branches(keras):
    """Two convolutions of one shape that would change places in another order, a gate, and joined flattened maps."""
    k = keras.layers
    images = k.Input((8, 7, 3))
    x = k.Rescaling(1 / 64, -2)(images)
    first, second = k.Conv2D(4, 3, name="z")(x), k.Conv2D(4, 3, name="a", activation="relu")(x)
    gate = k.Reshape((1, 1, 4))(k.Dense(4, activation="sigmoid")(k.GlobalAveragePooling2D()(second)))
    gated = k.Multiply()([gate, first])
    flat = k.Concatenate()([k.Flatten()(gated), k.GlobalMaxPooling2D()(second), k.Flatten()(k.MaxPooling2D()(second))])
    return keras.Model(images, k.Dense(3)(k.Average()([k.Dense(6)(flat), k.Dense(6)(flat)])))


def nested(keras):
    k = keras.layers
    base = keras.Sequential([k.Input((9, 9, 3)), k.Conv2D(4, 3, activation="relu"), k.Conv2D(4, 3)], name="base")
    augment = keras.Sequential([k.RandomFlip(), k.RandomRotation(0.1)])
    images = k.Input((9, 9, 3))
    x = base(augment(k.Rescaling(1 / 64, -2)(images)), training=False)
    inner_in = k.Input((5, 5, 4))
    inner = keras.Model(inner_in, k.Add()([k.Conv2D(4, 1)(inner_in), inner_in]), name="inner")
    return keras.Model(images, k.Dense(3)(k.Flatten()(inner(x))))


def teachable(keras):
    """The form of Teachable Machine's keras_model.h5: a functional model in a sequential one in a sequential one."""
    k = keras.layers
    images = k.Input((9, 9, 3))
    base = keras.Model(images, k.BatchNormalization()(k.Conv2D(4, 3)(images)), name="model1")
    return keras.Sequential([
        keras.Sequential([base, k.GlobalAveragePooling2D()]),
        keras.Sequential([k.Dense(5, activation="relu"), k.Dense(3, use_bias=False)]),
    ])  # fmt: skip


def grey(keras):
    k = keras.layers
    return keras.Sequential([k.Input((6, 5)), k.Reshape((6, 5, 1)), k.Conv2D(3, 3), k.Flatten(), k.Dense(3)])


def rows(keras):
    k = keras.layers
    return keras.Sequential([k.Input((6, 5)), k.Rescaling(1 / 255), k.Flatten(), k.Dense(3)])


def arithmetic(keras):
    """As preprocess_input within a model: operators beside the layers."""
    k = keras.layers
    images = k.Input((8, 8, 3))
    x = 1.0 + (images / 127.5 - 1.0) * 3.0
    x = k.Conv2D(4, 3)(x)
    return keras.Model(images, k.Dense(3)(k.Flatten()(x * k.ReLU(6.0)(x + 3.0) + x)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", [branches, nested, teachable, grey, rows, arithmetic])
def test_a_model_answers_as_in_keras(keras, agrees, recwarn, make, suffix):
    agrees(make(keras), suffix=suffix)


def test_weights_of_frozen_layers_are_found_by_name(keras, agrees, recwarn):
    """Keras lists those of a frozen nested model in another order."""
    model = teachable(keras)
    model.layers[0].trainable = False
    agrees(model, suffix=".h5")


def sequential(*layers):
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "name": "images"}}
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


def node(*sources):
    args = [
        {"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [source, 0, 0]}}
        for source in sources
    ]
    return [{"args": args, "kwargs": {}}]


def layer(kind, name, *sources, **settings):
    return {
        "class_name": kind,
        "config": {"name": name, **settings},
        "inbound_nodes": node(*sources) if sources else [],
    }


def functional(*layers, output, inputs=("images", 0, 0)):
    images = layer("InputLayer", "images", batch_shape=[None, 8, 8, 3])
    config = {"layers": [images, *layers], "input_layers": list(inputs), "output_layers": [output, 0, 0]}
    return {"class_name": "Functional", "config": config}


DEEP = {
    "class_name": "Sequential",
    "config": {"layers": [layer("Lambda", "own", function={"code": "gANj"})], "name": "m"},
}
BAD = [
    (sequential(layer("Lambda", "own", function=["4wEAAAA=", None, None])), "'own' of the class Lambda.*contains code"),
    (sequential({**DEEP, "config": {"layers": [DEEP], "name": "outer"}}), "'outer.m.own' of the class Lambda"),
    (sequential(layer("TFSMLayer", "saved", filepath="/tmp/x")), "'saved' of the class TFSMLayer.*Supported: "),
    (sequential({**layer("Mine", "own"), "registered_name": "shop>Mine"}), "'own' of the class shop>Mine"),
    ({"class_name": "MyModel", "config": {}}, "a model of the class 'MyModel', whose code is not in the file"),
    (sequential(layer("Dense", "d", units=10**9)), "'d' of the class Dense cannot be imported: expected the weights"),
    (sequential({"class_name": 3, "config": {}}), "no class and settings in"),
    (sequential({"config": {}}), "no class and settings in"),
    ({"class_name": "Sequential", "config": {"layers": 7}}, "no class and settings in 7"),
    ({"class_name": "Sequential", "config": {"layers": []}}, "1 to 20,000 layers"),
    (functional(layer("ReLU", "a", "b"), layer("ReLU", "b", "a"), output="a"), "the layers form a cycle"),
    (functional(layer("ReLU", "a", "none"), output="a"), "has no layer 'none'"),
    (functional(layer("ReLU", "a", "images"), output="none"), "has no layer 'none'"),
    (functional(output="a", inputs=[["images", 0, 0], ["more", 0, 0]]), "has 2 inputs: only models with one"),
    (functional({**layer("ReLU", "a"), "inbound_nodes": [7]}, output="a"), "cannot be understood: TypeError"),
    (functional(layer("Subtract", "a", "images"), output="a"), "'a' of the class Subtract"),
    (sequential(layer("Flatten", "f")), "flattened maps of more than one pixel, not one value for each class"),
    (sequential({"class_name": "Sequential", "config": {"name": "m"}}), "cannot be understood: KeyError"),
]


@pytest.mark.parametrize(("config", "message"), BAD)
def test_what_is_not_supported_or_not_a_network_is_refused(config, message):
    with pytest.raises(ModelError, match=message):
        keras_network(KerasFile(config, "3.0", {}, {}))


def test_models_within_each_other_without_end_are_refused():
    config = sequential()
    for _ in range(100):
        config = {"class_name": "Sequential", "config": {"name": "m", "layers": [config]}}
    with pytest.raises(ModelError, match="more than 30 models within each other"):
        keras_network(KerasFile(config, "3.0", {}, {}))


def test_a_layer_that_is_used_twice_is_refused_if_it_has_weights():
    twice = {**layer("BatchNormalization", "a", "images", center=False), "inbound_nodes": node("images") + node("a")}
    config = functional(twice, output="a")
    config["config"]["output_layers"] = ["a", 1, 0]
    tensors = {f"layers/batch_normalization/vars/{number}": np.ones(3, np.float32) for number in range(3)}
    with pytest.raises(ModelError, match="'a' is used more than once, with the same weights"):
        keras_network(KerasFile(config, "3.0", tensors, {}))
    config["config"]["layers"][-1]["inbound_nodes"] = node("images") + node("images")  # only the second call is used
    assert keras_network(KerasFile(config, "3.0", tensors, {}))[0].layer("a")
    twice = {**layer("ReLU", "a", "images"), "inbound_nodes": node("images") + node("a")}
    config = functional(twice, layer("Add", "b", "a", "images"), output="b")
    assert isinstance(keras_network(KerasFile(config, "3.0", {}, {}))[0].layer("b"), Add)


def test_a_model_for_any_size_needs_one():
    config = sequential(layer("GlobalAveragePooling2D", "pool"))
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, None, None, 3]
    stored = KerasFile(config, "3.0", {}, {})
    with pytest.raises(ModelError, match="images of any size: choose one, as in --size 224"):
        keras_network(stored)
    assert keras_network(stored, (8, 6))[0].input_shape == (3, 8, 6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([None, 5], r"values of the shape \(5,\): expected images"),
        (None, "does not say which shape its images have"),
        ([None, 8, 8, None], "cannot be understood"),
        ([None, "8", 8, 3], "cannot be understood"),
    ],
)
def test_only_images_are_read(shape, message):
    config = sequential(layer("ReLU", "a"))
    config["config"]["layers"][0]["config"]["batch_shape"] = shape
    with pytest.raises(ModelError, match=message):
        keras_network(KerasFile(config, "3.0", {}, {}))


def test_settings_that_were_altered_give_a_reason_and_nothing_else(keras, quick, tmp_path):
    """Every value of a description is replaced by others in turn."""
    branches(keras).save(tmp_path / "a.keras")
    stored = read_keras(tmp_path / "a.keras")
    text = json.dumps(stored.config)
    stream, outcomes = np.random.default_rng(0), set()
    for _ in range(300):
        config = json.loads(text)
        parent, key = _some_value(config, stream)
        parent[key] = stream.choice(np.array([None, -1, 10**9, "x", [], {}, 1e308, True], dtype=object))
        try:
            keras_network(stored._replace(config=config))
            outcomes.add("read")
        except ModelError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def _some_value(data, stream):
    """A place in nested data: what holds it, and its key."""
    while True:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        key = keys[stream.integers(len(keys))]
        if not isinstance(data[key], dict | list) or not data[key] or stream.random() < 0.1:
            return data, key
        data = data[key]
