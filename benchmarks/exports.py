"""Every network of the zoo through every format: is the export proven, how large is it, how long does it take?

    .venv/bin/python benchmarks/exports.py [--networks lenet5,resnet18] [--formats onnx,openvino] [--precision float32]

Weights are random (seed 0). The last layer is scaled so that the logits of the images have a standard deviation of 2,
and what is familiar is fitted on the same images: answers are neither uniform nor certain. Each export is compared with
the model as `eyebright export` does it without images, and its own check runs. Large networks take 4 GB of memory. A
format without its runtime, and a layer that a format does not have, are told in place of the figures.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.export import NAMES
from eyebright.model.export.export import write_export
from eyebright.model.export.formats import Source
from eyebright.model.export.images import Images, synthetic_images
from eyebright.model.learned import Learned
from eyebright.model.reference import Reference
from eyebright.network.zoo import NETWORKS, named_network
from eyebright.system.errors import EyebrightError
from eyebright.system.text import size_text
from eyebright.trust.unknown import fit_familiar

_IMAGES = 12  # of a large network, more would take minutes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--formats", default=",".join(NAMES))
    parser.add_argument("--precision", default="")
    args = parser.parse_args()
    columns = ("network", "format", "files", "seconds", "difference", "unfamiliarity", "labels changed")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    failed = 0
    for name in args.networks.split(","):
        classifier, images = spread_out(name)
        for to in args.formats.split(","):
            try:
                print(f"| {name} | {to} | {row(classifier, images, to, args.precision)} |", flush=True)
            except EyebrightError as problem:
                failed += 1
                print(f"| {name} | {to} | {' '.join(str(problem).split())[:150]} | | | | |", flush=True)
    print(f"\n{failed} refused")


def spread_out(name: str) -> tuple[eb.Classifier, Images]:
    """A network of random weights whose answers differ, and the images to compare on."""
    named = named_network(name)
    network = named.build(10, input_size=named.input_size, channels=named.channels)
    classifier = eb.Classifier(network, [f"class {number}" for number in range(10)])
    images = synthetic_images(classifier.preparation)
    images = images._replace(pixels=images.pixels[:_IMAGES])
    weights = classifier.get_weights()
    last = list(weights)[-1].rpartition(".")[0]
    found = Engine.of_bytes(onnx_graph(network, weights, with_features=True)).outputs(images.pixels)
    features = found.pop("features")
    (logits,) = found.values()
    scale = np.float32(2 / max(float(logits.std()), 1e-9))
    classifier.set_weights(weights | {key: weights[key] * scale for key in weights if key.startswith(f"{last}.")})
    familiar = fit_familiar(features, features, logits * scale)
    classifier.learned = Learned(reference=Reference(unknown=familiar))
    return classifier, images


def row(classifier: eb.Classifier, images: Images, to: str, precision: str) -> str:
    """The figures of one export."""
    source = Source(
        classifier.network, classifier.get_weights(), classifier.learned.answering, classifier.classes,
        classifier.preparation, calibration=images.pixels,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        exported, proof = write_export(
            source, classifier.predictor.answers, to, Path(folder, to), images=images, precision=precision
        )
        seconds = time.perf_counter() - start
        size = size_text(sum(exported.sizes().values()))
    unlike = proof.unfamiliarity_difference
    told = f"{unlike:.1e}" if unlike is not None else "-"
    return f"{size} | {seconds:.1f} | {proof.difference:.1e} | {told} | {proof.labels_changed} of {proof.images}"


if __name__ == "__main__":
    main()
