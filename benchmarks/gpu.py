"""Training on one GPU beside plain torch: pictures per second, the same bits, and what they cost.

    python benchmarks/gpu.py [--quick] [--only SUBSTRING] [--out TABLE.md]

Makes 4,000 JPEGs of 256x256 first. The peers are eager loops in bfloat16, channels last, with fused AdamW: one with its
batch on the GPU all the time, which is the limit for eager code, and one with a DataLoader that decodes JPEGs in
one worker for each core. Prints and writes a table for benchmarks/README.md. Expect about three minutes on an H100.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import eyebright as eb
from eyebright.network import Network, initial_weights
from eyebright.network.torch import TorchNetwork
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded

PICTURES, CLASSES, BATCH = 4_000, 10, 128
PLAIN = {"flip": False, "rotation": 0.0, "zoom": 0.0}
sys.path.insert(0, str(Path(__file__).parent / "peers"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="only rows with this in their name")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = [f"{torch.cuda.get_device_name()}, {os.cpu_count()} cores, torch {torch.__version__}", "",
            "| what | pictures/s |", "|---|---|"]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        os.environ["EYEBRIGHT_CACHE"] = str(Path(place) / "cache")
        folder = make_pictures(Path(place) / "pictures")
        for name, measure in measurements(folder).items():
            if args.only in name:
                rows.append(f"| {name} | {measure():,.0f} |")
                print(rows[-1], flush=True)
        if args.only in "whole command":
            rows.append(
                f"| the whole command, resnet50, 3 epochs, seconds | {whole_command(folder, Path(place)):.1f} |"
            )
            print(rows[-1], flush=True)
    if args.out:
        args.out.write_text("\n".join(rows) + "\n")


def measurements(folder: Path) -> dict[str, Callable[[], float]]:
    """What is measured, in pictures per second."""
    large, small = (
        eb.zoo.build("resnet50", num_classes=CLASSES, input_size=224),
        eb.zoo.flowers_cnn(CLASSES, input_size=180),
    )
    tiny = eb.zoo.build("resnet18", num_classes=CLASSES, input_size=64)
    fast = {"deterministic": False}
    return {
        "resnet50 at 224, plain loop, batch on the GPU": lambda: bare(large),
        "resnet50 at 224, plain loop, DataLoader": lambda: loader(large, folder),
        "resnet50 at 224, eyebright, augmented": lambda: own(large, folder),
        "resnet50 at 224, eyebright": lambda: own(large, folder, **PLAIN),
        "resnet50 at 224, eyebright, augmented, deterministic=false": lambda: own(large, folder, **fast),
        "small CNN at 180, plain loop, batch on the GPU": lambda: bare(small),
        "small CNN at 180, plain loop, DataLoader": lambda: loader(small, folder),
        "small CNN at 180, eyebright, augmented": lambda: own(small, folder),
        "small CNN at 180, eyebright": lambda: own(small, folder, **PLAIN),
        "small CNN at 180, eyebright, deterministic=false": lambda: own(small, folder, **PLAIN, **fast),
        "resnet18 at 64, batch 32, plain loop, batch on the GPU": lambda: bare(tiny, 32),
        "resnet18 at 64, batch 32, eyebright": lambda: own(tiny, folder, 32, **PLAIN),
    }


def own(network: Network, folder: Path, batch: int = BATCH, **changes: object) -> float:
    """Eyebright's trainer: the fastest of the epochs after the first, in which images are uploaded."""
    events: list[Event] = []
    pictures = eb.Dataset.from_folder(folder)
    prepared = eb.Classifier(network, classes=pictures.classes).prepare(pictures)
    from eyebright.training import trainer

    material = trainer().Material(
        prepared.pack, prepared.labels, prepared.indices("train"), prepared.indices("validation")
    )
    settings = eb.Settings(epochs=6, batch_size=batch, precision="bfloat16").changed(changes)
    trainer().fit(network, initial_weights(network, 1), material, settings, emit=events.append)
    rates = [event.pictures_per_second for event in events if isinstance(event, EpochEnded)]
    print("  epochs:", *map(round, rates), flush=True)
    return max(rates[1:])


def bare(network: Network, batch: int = BATCH) -> float:
    """A plain loop on one batch that stays on the GPU."""
    pictures = torch.rand(batch, *network.input_shape, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (batch,), device="cuda")
    return rate(network, lambda: iter(lambda: (pictures, labels), None), 100, batch)


def loader(network: Network, folder: Path) -> float:
    """A plain loop with a DataLoader."""
    from torch_loader import PictureFolder

    images = PictureFolder(folder, size_px=network.input_shape[1])
    loading = torch.utils.data.DataLoader(
        images, batch_size=BATCH, shuffle=True, num_workers=os.cpu_count() or 1, pin_memory=True, drop_last=True,
        persistent_workers=True,
    )  # fmt: skip

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            for pictures, labels in loading:
                yield (pictures.to("cuda", non_blocking=True, memory_format=torch.channels_last),
                       labels.to("cuda", non_blocking=True))  # fmt: skip

    return rate(network, batches, 60, BATCH)


def rate(network: Network, batches: Callable[[], Iterator[tuple[Tensor, Tensor]]], steps: int, batch: int) -> float:
    """Pictures per second of an eager loop."""
    module = plain_module(network).cuda().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    coming = batches()
    for step in range(steps + 10):
        if step == 10:
            torch.cuda.synchronize()
            start = time.perf_counter()
        pictures, labels = next(coming)
        with torch.autocast("cuda", torch.bfloat16):
            loss = nn.functional.cross_entropy(module(pictures), labels, label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()
    return steps * batch / (time.perf_counter() - start)


def plain_module(network: Network) -> nn.Module:
    """ResNet-50 by hand; other networks in torch's own modules, as eyebright puts them together."""
    from hand_written import resnet50

    bottlenecks = sum("conv3" in name for name in network.places)
    return resnet50() if bottlenecks else TorchNetwork(network, initial_weights(network, 1))


def whole_command(folder: Path, place: Path) -> float:
    """Seconds from the command to the evaluated model, with the images prepared before."""
    command = [sys.executable, "-m", "eyebright", "train", str(folder), "--network", "resnet50", "--epochs", "3",
               "--set", f"batch_size={BATCH}", "-o", str(place / "run")]  # fmt: skip
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:])
    return time.perf_counter() - start


def make_pictures(folder: Path) -> Path:
    """JPEGs of noise on colours that differ by class."""
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(make_picture, [str(folder)] * PICTURES, range(PICTURES), chunksize=50))
    return folder


def make_picture(folder: str, number: int) -> None:
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    coarse[..., 0] = coarse[..., 0] // 2 + 12 * (number % CLASSES)
    image = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
    image.save(Path(folder) / f"class{number % CLASSES}" / f"{number:04d}.jpg", quality=90)


if __name__ == "__main__":
    main()
