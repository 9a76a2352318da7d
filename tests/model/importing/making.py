"""Makes tf_keras_2.zip beside it: files of tf.keras 2, and what their models give for `IMAGES`. It needs tf-keras:

    pip install tensorflow tf-keras
    python tests/model/importing/making.py

`teachable.h5` has the form of Teachable Machine's keras_model.h5: a functional model in a sequential one in a
sequential one, of which the first is frozen. `arithmetic.keras` scales pixels by operators, flattens maps, and ends
with one sigmoid.
"""

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

IMAGES = np.random.default_rng(5).integers(0, 256, (4, 6, 6, 3), np.uint8)
FILE = Path(__file__).with_name("tf_keras_2.zip")


def teachable(keras):
    """The form of Teachable Machine's models."""
    layers = keras.layers
    images = layers.Input((6, 6, 3), name="images")
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(images)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="Conv1")(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(layers.BatchNormalization(name="bn_Conv1")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.Activation("hard_sigmoid", name="hard")(layers.BatchNormalization(name="bn_depthwise")(x))
    base = keras.Model(images, x, name="model1")
    features = keras.Sequential([base, layers.GlobalAveragePooling2D(name="pool")], name="sequential_1")
    features.trainable = False
    first = layers.Dense(5, activation="relu", name="dense_Dense1")
    second = layers.Dense(3, activation="softmax", use_bias=False, name="dense_Dense2")
    return keras.Sequential([features, keras.Sequential([first, second], name="sequential_3")])


def arithmetic(keras):
    """The form of a model that was made with `preprocess_input` of keras.applications."""
    layers = keras.layers
    images = layers.Input((6, 6, 3))
    x = layers.RandomFlip("horizontal")(images) / 127.5 - 1.0
    x = layers.SeparableConv2D(4, 3, activation="relu")(x)
    x = layers.Concatenate()([layers.Flatten()(x), layers.GlobalMaxPooling2D()(x)])
    return keras.Model(images, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.2)(x)))


def main() -> None:
    """Make the file."""
    import tf_keras as keras

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        answers = {}
        for model, name, scale in (
            (teachable(keras), "teachable.h5", 127.5),
            (arithmetic(keras), "arithmetic.keras", 0),
        ):
            stream = np.random.default_rng(0)
            for variable in model.weights:
                values = stream.standard_normal(variable.shape) / np.sqrt(np.prod(variable.shape[:-1]))
                variable.assign(values if "variance" not in variable.name else stream.uniform(0.1, 0.3, variable.shape))
            model.save(Path(folder, name))
            archive.write(Path(folder, name), name)
            images = IMAGES.astype(np.float32)
            answers[name] = model.predict(images / scale - 1 if scale else images, verbose=0).tolist()
        archive.writestr("answers.json", json.dumps(answers))
    print(answers)  # noqa: T201


if __name__ == "__main__":
    main()
