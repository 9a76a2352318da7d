"""How good yolo26n is on BCCD after training from scratch for some minutes, by eyebright's own measures.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/detection_peer.py --python /tmp/yolo/bin/python \
        [--minutes 2] [--seeds 1] [--folder /tmp/yolo-bccd]

The peer runs in an environment of its own, see peers/yolo.py. It trains on the official training images of 320 x 320
pixels, for so many minutes by its own clock (starting and its last validation come on top), and is judged on the
official test images, by `tasks.detection.metrics`.
"""

import argparse
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.split import SIDES
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth
from eyebright.tasks.detection.trust.metrics import evaluate

PEER = Path(__file__).with_name("peers") / "yolo.py"
FOLDERS = {"train": "train", "validation": "val", "test": "test"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--python", required=True, help="of an environment with ultralytics")
    options.add_argument("--minutes", type=float, default=2)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--folder", type=Path, default=Path("yolo-bccd"), help="for the images as YOLO wants them")
    given = options.parse_args()
    dataset = BoxDataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / "bccd")
    test = write_yolo(dataset, given.folder.absolute())
    truth = [Truth.of_boxes(dataset.boxes[index], dataset.ignored[index]) for index in test]
    for seed in range(given.seeds):
        answer = trained(given, seed)
        found = [as_detections(np.array(one).reshape(-1, 6)) for one in answer["found"]]
        result = evaluate(found, truth, dataset.classes, np.full(len(dataset.classes), 0.25))
        print(f"seed {seed}: {answer['epochs']} epochs in {answer['train_s']:.0f} s")
        print(f"  mAP50 {result.map50}, {result.notes[0]}")


def trained(given: argparse.Namespace, seed: int) -> dict:
    """What the peer found in the test images, and how long it trained."""
    folder, out = given.folder.absolute(), given.folder.absolute() / f"found{seed}.json"
    command = [given.python, PEER, folder, str(given.minutes), str(seed), folder / "test.txt", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"YOLO_OFFLINE": "true"})
    return json.loads(out.read_text())


def as_detections(rows: NDArray[np.float64]) -> Detections:
    return Detections(rows[:, :4], rows[:, 4].astype(np.int64), rows[:, 5])


def write_yolo(dataset: BoxDataset, folder: Path) -> list[int]:
    """Write the images and labels as YOLO wants them; the test images as positions, in the order of test.txt."""
    shutil.rmtree(folder, ignore_errors=True)
    sides, paths = dataset.sides, []
    for index, name in enumerate(dataset.source.names):
        side = FOLDERS[SIDES[sides[index]]]
        image = folder / "images" / side / Path(name).name
        for file in (image, folder / "labels" / side / f"{image.stem}.txt"):
            file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(dataset.origin / name, image)
        (folder / "labels" / side / f"{image.stem}.txt").write_text(label_lines(dataset, index))
        paths.append(image)
    test = np.flatnonzero(sides == SIDES.index("test")).tolist()
    (folder / "test.txt").write_text("\n".join(str(paths[index]) for index in test))
    names = ", ".join(dataset.classes)
    (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames: [{names}]\n")
    return test


def label_lines(dataset: BoxDataset, index: int) -> str:
    """The boxes of an image: class, centre and sides as shares of the image."""
    boxes, sizes = dataset.boxes[index], np.tile(dataset.sizes[index], 2)
    low, high = boxes.corners[:, :2], boxes.corners[:, 2:]
    shares = np.concatenate([(low + high) / 2, high - low], axis=1) / sizes
    rows = zip(boxes.labels, shares, strict=True)
    return "\n".join(f"{label} {' '.join(f'{share:.8f}' for share in row)}" for label, row in rows)


if __name__ == "__main__":
    main()
