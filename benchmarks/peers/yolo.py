"""Train a YOLO network from scratch and find objects: yolo.py FOLDER EPOCHS SEED IMAGES_FILE OUT [SETTINGS].

It needs an environment of its own with `ultralytics`, whose licence (AGPL) is why eyebright never imports it:

    python -m venv /tmp/yolo && /tmp/yolo/bin/pip install torch opencv-python-headless pyyaml requests matplotlib \
        scipy psutil polars pillow && /tmp/yolo/bin/pip install --no-deps ultralytics ultralytics-thop

torchvision is not needed: a module of that name stands in for it, with ultralytics' own suppression of doubles.
FOLDER has data.yaml with the images and labels, IMAGES_FILE the paths of the images to look at. OUT becomes JSON: for
each image a list of (x1, y1, x2, y2, class, confidence), all of at least 0.001, 100 at most. No weights are downloaded.
There is no validation after each epoch, only after the last one: `best.pt`, the average of weights that is found with,
is that of the last epoch.

`SHORT` has the settings that are best for a few epochs of some hundred images, by validation images: a step for every 4
images and not for 64, a shorter start, a higher rate. SETTINGS, as JSON, stand in their place; {} are the usual ones.
The number of epochs is given, because the schedules need it: with a limit of time they begin as for 100 epochs.
"""

import importlib.metadata
import json
import sys
import time
import types
from pathlib import Path

_version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.0" if name == "torchvision" else _version(name)
torchvision = sys.modules["torchvision"] = types.ModuleType("torchvision")

from ultralytics import YOLO  # noqa: E402
from ultralytics.utils import SETTINGS  # noqa: E402
from ultralytics.utils.nms import TorchNMS  # noqa: E402

torchvision.ops = types.SimpleNamespace(nms=TorchNMS.nms)

NETWORK, SIZE = "yolo26n.yaml", 320
SHORT = {
    "batch": 4, "nbs": 4, "warmup_epochs": 0.5, "optimizer": "AdamW", "lr0": 0.002, "momentum": 0.9,
    "warmup_bias_lr": 0.0,
}  # fmt: skip


def main() -> None:
    """Train, look at the images, write what was found."""
    folder, epochs, seed, images, out = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:6]
    settings = json.loads(sys.argv[6]) if sys.argv[6:] else SHORT
    SETTINGS.update({"sync": False})
    model, start = YOLO(NETWORK), time.perf_counter()
    model.train(
        data=str(folder / "data.yaml"), epochs=epochs, imgsz=SIZE, device="cpu", workers=0, seed=seed, pretrained=False,
        amp=False, val=False, plots=False, project=str(folder), name=f"run{seed}", exist_ok=True, cache="ram",
        verbose=False, **settings,
    )  # fmt: skip
    trained = time.perf_counter() - start
    found = []
    for image in Path(images).read_text().splitlines():
        (result,) = model.predict(image, imgsz=SIZE, conf=0.001, max_det=100, device="cpu", verbose=False)
        found.append(result.boxes.data[:, [0, 1, 2, 3, 5, 4]].tolist())
    Path(out).write_text(json.dumps({"found": found, "train_s": trained, "epochs": model.trainer.epoch + 1}))


if __name__ == "__main__":
    main()
