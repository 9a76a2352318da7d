"""How fast a detector answers: beside its bare engine, the first answer of a new process, and the memory of a stream.

    .venv/bin/python benchmarks/detection_speed.py RUN IMAGES [--most 1000]

IMAGES is a folder of photos. Rounds of the compared calls take turns; the figures are medians. The engine gets images
that were prepared before, one at a time. The stream goes over the photos again and again.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.pictures import decode
from eyebright.data.sources.walk import walk_files
from eyebright.tasks.detection.model.detector import Detector


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    options.add_argument("images", type=Path)
    options.add_argument("--most", type=int, default=1_000, help="images in the stream")
    options.add_argument("--rounds", type=int, default=100)
    given = options.parse_args()
    detector, photos = eb.load(given.run), [Path(name) for name in walk_files(given.images)]
    assert isinstance(detector, Detector)
    found = inference(detector, photos[: given.rounds]) | first_answers(given.run, photos[0])
    print(json.dumps(found | memory(detector, photos, given.most), indent=1))


def inference(detector: Detector, photos: Sequence[Path]) -> dict[str, object]:
    """Milliseconds for an image: the engine alone, with finding the objects, from pixels, and from the file."""
    times: dict[str, list[float]] = {}
    request, objects = detector.predictor._engine._request, 0
    for photo in photos:
        picture, pixels = eb.open_picture(photo, detector.preparation)[None], decode(photo)
        calls: dict[str, Callable[[], object]] = {
            "engine": partial(request.infer, {0: picture}),
            "prepared image": partial(detector.predictor.detections, picture, [pixels.size]),
            "decoded image": partial(detector.predict, pixels),
            "file": partial(detector.predict, photo),
        }
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            times.setdefault(name, []).append(1e3 * (time.perf_counter() - begin))
        objects += len(detector.predict(pixels))
    medians = {name: float(np.median(each)) for name, each in times.items()}
    shown = {f"{name}, ms": round(value, 2) for name, value in medians.items()}
    ratios = {
        f"{name} / engine": round(value / medians["engine"], 3) for name, value in medians.items() if name != "engine"
    }
    return shown | ratios | {"objects in an image": round(objects / len(photos), 1)}


def first_answers(run: Path, photo: Path, times: int = 9) -> dict[str, object]:
    """Seconds of `eyebright predict RUN PHOTO`, a new process each time; the compiled graph is in the cache."""
    found = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "eyebright", "predict", run, photo], check=True, stdout=subprocess.DEVNULL
        )
        found.append(time.perf_counter() - begin)
    values = np.array(found[1:])
    return {"first answer, s": [round(float(value), 3) for value in (np.median(values), values.min(), values.max())]}


def memory(detector: Detector, photos: Sequence[Path], count: int) -> dict[str, object]:
    """The highest memory in MB after a tenth of the images and after all of them."""
    images = ((str(number), photos[number % len(photos)]) for number in range(count))
    highest: list[float] = []
    begin = time.perf_counter()
    for number, _ in enumerate(detector.stream(images), 1):
        if number in (count // 10, count):
            highest.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    seconds = time.perf_counter() - begin
    return {
        "memory after a tenth, all of the stream, MB": [round(value, 1) for value in highest],
        "images": count,
        "ms for an image of the stream": round(1e3 * seconds / count, 2),
    }


if __name__ == "__main__":
    main()
