"""Does an imported model answer as in Keras? For the networks of keras.applications, in full size.

    python benchmarks/imported.py make FOLDER      with Keras 3 (KERAS_BACKEND=torch), or with tf-keras if that is there
    python benchmarks/imported.py compare FOLDER   with eyebright; prints a table

`make` gives each network random weights, not small, so that its logits differ, saves it as .keras and .h5, and stores
what it gives for four images that are scaled by its own `preprocess_input`. `compare` imports the files with --scale
and prints the largest difference of a logit (as a share of their standard deviation) and of a probability.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NETWORKS = {  # module and class in keras.applications, size of the images, --scale
    "vgg16": ("VGG16", 224, "imagenet-caffe"),
    "resnet50": ("ResNet50", 224, "imagenet-caffe"),
    "inception_v3": ("InceptionV3", 299, "-1-1"),
    "xception": ("Xception", 299, "-1-1"),
    "mobilenet": ("MobileNet", 224, "-1-1"),
    "mobilenet_v2": ("MobileNetV2", 224, "-1-1"),
    "mobilenet_v3": ("MobileNetV3Small", 224, ""),
    "densenet": ("DenseNet121", 224, "imagenet"),
    "efficientnet": ("EfficientNetB0", 224, ""),
}
IMAGES = 4


def random_weights(model: Any) -> None:
    """Weights with which values neither vanish nor become alike."""
    stream = np.random.default_rng(0)
    for variable in model.weights:
        name, shape = variable.name, tuple(variable.shape)
        if not shape:
            continue
        if "variance" in name or "gamma" in name:
            values = stream.uniform(0.7, 1.3, shape)
        elif len(shape) > 1:
            fan = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
            values = stream.standard_normal(shape) * np.sqrt(1.5 / fan)
        else:
            values = stream.standard_normal(shape) * 0.1
        variable.assign(values.astype(np.float32))


def make(folder: Path) -> None:
    """Write the files."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import tf_keras as keras
    except ImportError:
        import keras
    folder.mkdir(parents=True, exist_ok=True)
    for module, (name, size, _) in NETWORKS.items():
        images = np.random.default_rng(1).integers(0, 256, (IMAGES, size // 16 + 1, size // 16 + 1, 3), np.uint8)
        images = images.repeat(16, axis=1).repeat(16, axis=2)[:, :size, :size]
        model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
        random_weights(model)
        prepared = getattr(keras.applications, module).preprocess_input(images.astype(np.float32))
        logits = model.predict(prepared, verbose=0)
        np.savez(folder / f"{name}.npz", images=images, logits=logits)
        for suffix in (".keras", ".h5"):
            model.save(folder / f"{name}{suffix}")
        print(name, keras.__version__, f"standard deviation of the logits {logits.std():.3g}", flush=True)


def compare(folder: Path) -> None:
    """Import the files and print a table."""
    from eyebright.model.engine import Engine, onnx_graph
    from eyebright.model.importing.import_model import import_model

    print(f"{'file':24} {'MB':>5} {'import':>7}  {'logits':>8} {'probabilities':>13}  written by")
    for name, size, scale in NETWORKS.values():
        if not (folder / f"{name}.npz").exists():
            continue
        given = np.load(folder / f"{name}.npz")
        for suffix in (".keras", ".h5"):
            path, start = folder / f"{name}{suffix}", time.perf_counter()
            model = import_model(path, scale=scale, classes="numbered", size=(size, size))
            seconds = time.perf_counter() - start
            found = Engine.of_bytes(onnx_graph(model.network, model.get_weights()))(given["images"])
            spread = given["logits"].std()
            different = np.abs(found - given["logits"]).max() / spread
            unlike = np.abs(softmax(found / spread) - softmax(given["logits"] / spread)).max()
            megabytes = path.stat().st_size / 1e6
            shown = f"{path.name:24} {megabytes:5.0f} {seconds:6.1f}s  {different:8.1e} {unlike:13.1e}"
            print(f"{shown}  {model.learned.imported.partition('(')[2][:-1]}", flush=True)


def softmax(logits: Any) -> Any:
    """Probabilities of logits."""
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    {"make": make, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
