"""Whether Keras and TensorFlow compute what the model does, for every network: files are written, then opened there.

    python benchmarks/opened_elsewhere.py write FOLDER [NETWORK ...]
    KERAS_BACKEND=torch python benchmarks/opened_elsewhere.py keras FOLDER
    python benchmarks/opened_elsewhere.py tensorflow FOLDER

The first line needs eyebright, the others only Keras or TensorFlow, in an environment of their own. Weights
are random, with statistics of batches that are not trivial. Two images of noise go through; what is printed is the
greatest difference of the outputs, as a share of the greatest logit, and of the probabilities themselves.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

CLASSES = 10


def write(folder, names):
    """Both files of each network, images, and what eyebright's engine answers."""
    from eyebright import zoo
    from eyebright.model.engine import Engine, onnx_graph
    from eyebright.network.answering import Answering
    from eyebright.network.keras import to_keras
    from eyebright.network.tensorflow import to_saved_model
    from eyebright.system.errors import NetworkError

    for name in names or zoo.NETWORKS:
        entry = zoo.named_network(name)
        network = zoo.build(name, num_classes=CLASSES, input_size=entry.input_size, channels=entry.channels)
        weights = random_weights(network)
        images = np.random.default_rng(0).integers(0, 256, (2, *network.input_shape[1:], entry.channels), np.uint8)
        logits = Engine.of_bytes(onnx_graph(network, weights))(images)
        answering = Answering(temperature=float(np.abs(logits).max()) / 4)
        probabilities = Engine.of_bytes(onnx_graph(network, weights, answering=answering)).outputs(images)
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        np.savez(target / "expected.npz", images=images, logits=logits, probabilities=probabilities["probabilities"])
        started = time.process_time()
        refused = ""
        try:
            files = {"model.keras": to_keras(network, weights, answering=answering)}
            again = to_keras(network, weights, answering=answering) == files["model.keras"]
        except NetworkError as problem:
            files, again, refused = {}, True, str(problem)
        files |= {f"saved/{path}": data for path, data in to_saved_model(network, weights, answering=answering).items()}
        seconds = time.process_time() - started
        for path, data in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
        found = f"Keras refused: {refused}" if refused else f"the same bytes twice: {again}"
        print(f"{name:20} {sum(map(len, files.values())) / 1e6:8.1f} MB {seconds:6.2f} CPU-s  {found}", flush=True)


def random_weights(network):
    from eyebright.network import initial_weights

    random, weights = np.random.default_rng(1), initial_weights(network, 1)
    for name, values in weights.items():
        if name.endswith((".bias", ".running_mean")):
            weights[name] = random.normal(0, 0.1, values.shape).astype(np.float32)
        elif name.endswith(".running_var"):
            weights[name] = random.uniform(0.5, 2, values.shape).astype(np.float32)
    return weights


def with_keras(folder):
    import keras

    print(json.dumps({"keras": keras.__version__, "backend": keras.backend.backend()}))
    for path in sorted(folder.glob("*/model.keras")):
        expected = np.load(path.parent / "expected.npz")
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        inner = keras.Model(model.input, [model.get_layer("logits").output, model.output])
        report(path.parent.name, expected, *inner.predict(expected["images"], verbose=0))


def with_tensorflow(folder):
    import tensorflow

    print(json.dumps({"tensorflow": tensorflow.__version__}))
    for path in sorted(folder.glob("*/saved")):
        expected = np.load(path.parent / "expected.npz")
        model = tensorflow.saved_model.load(str(path))
        found = model.signatures["serving_default"](pictures=tensorflow.constant(expected["images"]))
        report(path.parent.name, expected, None, found["probabilities"].numpy())


def report(name, expected, logits, probabilities):
    off = float(np.abs(probabilities - expected["probabilities"]).max())
    found = ""
    if logits is not None:
        found = f"logits {np.abs(logits - expected['logits']).max() / np.abs(expected['logits']).max():.1e}  "
    print(f"{name:20} {found}probabilities {off:.1e}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    what, where, *networks = sys.argv[1:]
    {"write": lambda: write(Path(where), networks), "keras": lambda: with_keras(Path(where)),
     "tensorflow": lambda: with_tensorflow(Path(where))}[what]()  # fmt: skip
