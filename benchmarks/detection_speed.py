"""How fast a detector answers: beside its bare engine, the first answer of a new process, and the memory of a stream.

    python benchmarks/detection_speed.py [--images 1000]

The detector is `lite0_detector` for three classes at 320 pixels; its weights are random, calibrated so that most images
have peaks, which is the more work the more there are. Rounds of the compared calls take turns.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import eyebright as eb
from eyebright.network import zoo
from eyebright.tasks.detection.model.detector import Detector

FIRST = """
import time
start = time.perf_counter()
import sys, eyebright as eb
found = eb.load(sys.argv[1]).predict(sys.argv[2])
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000, help="in the stream")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, photo = Path(folder, "detector"), Path(folder, "photo.jpg")
        Detector(zoo.lite0_detector(3), ["a", "b", "c"], scale=0.2, seed=1).save(model)
        photo.write_bytes(jpeg(0))
        detector = eb.load(model)
        assert isinstance(detector, Detector)
        found = (
            inference(detector, photo, options.rounds) | first_answers(model, photo) | memory(detector, options.images)
        )
    print(json.dumps(found, indent=1))


def inference(detector: Detector, photo: Path, rounds: int) -> dict[str, object]:
    """Milliseconds for an image: the engine alone, with finding the objects, and from the file."""
    picture = eb.open_picture(photo, detector.preparation)[None]
    engine = detector.predictor._engine
    calls: dict[str, Callable[[], object]] = {
        "engine": lambda: engine._request.infer({0: picture}),
        "prepared image": lambda: detector.predictor.detections(picture, [(640, 480)]),
        "file": lambda: detector.predict(photo),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - begin))
    told = {
        f"{name}, ms": [round(float(np.mean(each)), 2), round(float(np.std(each)), 2)] for name, each in times.items()
    }
    ratio = np.median(times["prepared image"]) / np.median(times["engine"])
    return {**told, "prepared image / engine": round(float(ratio), 3), "objects": len(detector.predict(photo))}


def first_answers(model: Path, photo: Path, times: int = 5) -> dict[str, object]:
    """Seconds from the start of a program to its first answer; the compiled graph is in the cache."""
    found = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", FIRST, model, photo], check=True, capture_output=True, text=True)
        found.append((float(done.stdout), time.perf_counter() - begin))
    inside, whole = np.array(found[1:]).T
    named = {"first answer, s": inside, "with the start of Python, s": whole}
    return {name: [round(float(each.mean()), 3), round(float(each.std()), 3)] for name, each in named.items()}


def memory(detector: Detector, count: int) -> dict[str, object]:
    """The highest memory in MB after a tenth of the images and after all of them."""

    def images() -> Iterator[tuple[str, bytes]]:
        for number in range(count):
            yield str(number), jpeg(number)

    highest: list[float] = []
    for number, _ in enumerate(detector.stream(images()), 1):
        if number in (count // 10, count):
            highest.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"memory after a tenth, all of the stream, MB": [round(value, 1) for value in highest], "images": count}


def jpeg(seed: int) -> bytes:
    """An image of 640x480 pixels with many colours."""
    random, file = np.random.default_rng(seed), io.BytesIO()
    small = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8))
    small.resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
