"""Every network of the zoo through every format: is the export proven, how large is it, how long does it take?

    .venv/bin/python benchmarks/exports.py [--networks lenet5,resnet18] [--formats onnx,openvino] [--precision float32]

Weights are random (seed 0). The last layer is scaled so that the logits of the images have a standard deviation of 2,
and what is familiar is fitted on the same images: answers are neither uniform nor certain. Each export is compared with
the model as `eyebright export` does it without images, and its own check runs. It is written again, which must give the
same bytes; a Keras file is also imported again, which must give the same logits bit for bit. Large networks take 4 GB
of memory.

A cell has the greatest difference of two probabilities, that of unfamiliarity (relative above 1), and seconds.
It is "-" where a runtime is missing or the format lacks a layer, and "refused" where the export is; the program then
ends with an error. Reasons are written below the table.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.export import NAMES
from eyebright.model.export.export import write_export
from eyebright.model.export.exported import Exported
from eyebright.model.export.formats import ExportSource, named_format
from eyebright.model.export.images import ProofImages, synthetic_images
from eyebright.model.learned import Learned
from eyebright.model.reference import Reference
from eyebright.network.zoo import NETWORKS, named_network
from eyebright.system.errors import EyebrightError, MissingExtraError, ModelError, NetworkError
from eyebright.system.text import size_text
from eyebright.trust.unknown import fit_familiar

_IMAGES = 12  # of a large network, more would take minutes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--formats", default=",".join(name for name in NAMES if name != "web"))
    parser.add_argument("--precision", default="")
    parser.add_argument("--size", type=int, help="pixels a side, instead of those of the paper: a quick pass")
    args = parser.parse_args()
    formats = args.formats.split(",")
    columns = ("network", "weights", *formats)
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    notes, refused = [], []
    for name in args.networks.split(","):
        classifier, images = spread_out(name, args.size)
        cells = [size_text(4 * classifier.network.parameter_count)]
        for to in formats:
            try:
                cells.append(cell(classifier, images, to, args.precision))
            except (MissingExtraError, NetworkError) as problem:
                cells.append("-")
                notes.append(f"{name}, {to}: {problem}")
            except EyebrightError as problem:
                cells.append("refused")
                refused.append(f"{name}, {to}: {problem}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\n".join(["", *notes, *refused, f"{len(refused)} refused"]))
    sys.exit(bool(refused))


def spread_out(name: str, size: int | None) -> tuple[eb.Classifier, ProofImages]:
    """A network of random weights whose answers differ, and the images to compare on."""
    named = named_network(name)
    network = named.build(10, input_size=size or named.input_size, channels=named.channels)
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


def cell(classifier: eb.Classifier, images: ProofImages, to: str, precision: str) -> str:
    """The figures of one export: differences of probabilities and of unfamiliarity, and seconds.

    Raises:
        ModelError: When the export answers otherwise than the model, is not the same when it is written again, or
            does not give the same bits when it is imported.
    """
    source = ExportSource(
        classifier.network, classifier.get_weights(), classifier.learned.answering, classifier.classes,
        classifier.preparation, calibration=images.pixels,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        exported, proof = write_export(
            source, classifier.predictor.answers, to, Path(folder, to), images=images, precision=precision
        )
        seconds = time.perf_counter() - start
        require_same_bytes(exported, source)
        if to == "keras":
            require_same_bits(exported, classifier, images)
    unlike = proof.unfamiliarity_difference
    return f"{proof.difference:.0e}, {'-' if unlike is None else f'{unlike:.0e}'}, {seconds:.0f} s"


def require_same_bytes(exported: Exported, source: ExportSource) -> None:
    """Write the files again, and compare them."""
    again = named_format(exported.card.to).write(source, exported.card.precision)
    digests = exported.card.sha256
    changed = [name for name, content in again.items() if hashlib.sha256(content).hexdigest() != digests[name]]
    if changed:
        raise ModelError(f"{changed[0]} has other bytes when it is written again")


def require_same_bits(exported: Exported, classifier: eb.Classifier, images: ProofImages) -> None:
    """Import the file again, and compare the logits."""
    imported = eb.import_model(exported.main)
    graphs = [onnx_graph(model.network, model.get_weights()) for model in (classifier, imported)]
    ours, theirs = (Engine.of_bytes(graph)(images.pixels) for graph in graphs)
    if not np.array_equal(ours, theirs):
        raise ModelError(f"its logits differ by up to {np.abs(ours - theirs).max():.1e} when it is imported again")


if __name__ == "__main__":
    main()
