"""Time the first pass over a folder of pictures with a plain torch DataLoader that decodes in full.

    python torch_loader.py PICTURES --size 180 --workers 2

Prints one line of JSON with the pictures, wall and CPU seconds (workers included) and pictures per second; imports are
left out, finding the files and starting the workers are not. Expect about 14 of make_photos.py's pictures per second
on two cores.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from stopwatch import Stopwatch
from torch.utils.data import DataLoader, Dataset

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png"}  # what image_dataset_from_directory takes


class PictureFolder(Dataset):
    """One folder per class; a sample is (image float32 (3, size, size) in 0-1, label)."""

    def __init__(self, folder: Path, *, size_px: int) -> None:
        self._paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES)
        classes = sorted({path.parent.name for path in self._paths})
        self._labels = [classes.index(path.parent.name) for path in self._paths]
        self._size = (size_px, size_px)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self._paths[index]) as file:
            image = file.convert("RGB").resize(self._size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image))  # (size, size, 3)
        return pixels.permute(2, 0, 1).float() / 255, self._labels[index]  # (3, size, size)


def main() -> None:
    """Read every picture once and print the measurements."""
    parser = argparse.ArgumentParser(description="Time one pass of a plain torch DataLoader.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of pictures per class")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    args = parser.parse_args()

    stopwatch = Stopwatch()
    dataset = PictureFolder(args.pictures, size_px=args.size)
    batches = DataLoader(dataset, batch_size=32, shuffle=True, num_workers=args.workers)
    pictures = sum(len(labels) for _, labels in batches)
    print(json.dumps({"peer": "torch_dataloader", **stopwatch.rates(pictures)}))


if __name__ == "__main__":
    main()
