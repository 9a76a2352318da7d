"""What people write by hand: features of a published network with torch, eager, and scikit-learn's regression on them.

    python plain_features.py PICTURES SPLIT.csv    a classifier: accuracy on the split's test pictures, and seconds
    python plain_features.py --rate bfloat16       features a second of 224x224 noise, without opening pictures

Float32, channels last, batches of 32, pictures opened and resized by Pillow to 224x224. Prints one line of JSON.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eyebright.network import zoo
from eyebright.network.torch import TorchNetwork, as_input

SIZE, BATCH = 224, 32


def main() -> None:
    """Measure one of the two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", nargs="?", type=Path)
    parser.add_argument("split", nargs="?", type=Path)
    parser.add_argument("--rate", choices=["float32", "bfloat16"])
    args = parser.parse_args()
    start = time.perf_counter()
    network = zoo.efficientnet_lite0().up_to("_avg_pooling")
    weights = zoo.published_weights("efficientnet_lite0")
    module = TorchNetwork(network, {name: weights[name] for name in network.tensors}).eval()
    if args.rate:
        print(json.dumps({"per_second": rate(module, args.rate)}))
        return
    with args.split.open(newline="") as file:
        rows = list(csv.DictReader(file))
    known, asked = ([row for row in rows if row["split"] == side] for side in ("train", "test"))
    features = {side: extract(module, args.pictures, rows) for side, rows in (("known", known), ("asked", asked))}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features["known"], [row["class"] for row in known])
    accuracy = model.score(features["asked"], [row["class"] for row in asked])
    print(json.dumps({"accuracy": accuracy, "seconds": time.perf_counter() - start}))


def extract(module: TorchNetwork, root: Path, rows: list[dict[str, str]]) -> np.ndarray:
    """Features of the pictures, `(N, 1280)`."""
    found = []
    with torch.no_grad():
        for start in range(0, len(rows), BATCH):
            opened = [Image.open(root / row["name"]).convert("RGB") for row in rows[start : start + BATCH]]
            pictures = [np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for picture in opened]
            found.append(module(as_input(np.stack(pictures))).numpy())
    return np.concatenate(found)


def rate(module: TorchNetwork, precision: str) -> float:
    """Features a second, the median of ten batches."""
    pictures = as_input(np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3), np.uint8))
    seconds = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        for _ in range(12):
            start = time.perf_counter()
            module(pictures)
            seconds.append(time.perf_counter() - start)
    return BATCH / float(np.median(seconds[2:]))


if __name__ == "__main__":
    main()
