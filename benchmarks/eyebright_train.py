"""Train the notes' flower network with eyebright's trainer on a thousand images, and report its rate.

    python benchmarks/eyebright_train.py PICTURES --augment notes

Prints one line of JSON. The rate is the median over the epochs after the first, and includes reading, augmentation,
both passes, the optimizer and the progress events, but not the validation.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import eyebright as eb
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded, PrecisionChosen


def main() -> None:
    """Train and print the measurements."""
    parser = argparse.ArgumentParser(description="Time eyebright's trainer.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of images per class")
    parser.add_argument("--augment", choices=["none", "notes"], default="none")
    parser.add_argument("--dropout", type=float, help="default: 0.2 with augmentation, none without")
    parser.add_argument("--size", type=int, default=180)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--per-class", type=int, default=300, help="images of each class to train on")
    args = parser.parse_args()

    events: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = eb.Dataset.from_folder(_some(args.pictures, Path(folder), args.per_class))
        dropout = args.dropout if args.dropout is not None else 0.2 if args.augment == "notes" else 0.0
        network = eb.zoo.flowers_cnn(len(pictures.classes), input_size=args.size, dropout=dropout)
        model = eb.Classifier(network, classes=pictures.classes)
        changes = {} if args.augment == "notes" else {"flip": False, "rotation": 0.0, "zoom": 0.0}
        model.fit(pictures, epochs=args.epochs, callbacks=[events.append], **changes)
    epochs = [event for event in events if isinstance(event, EpochEnded)][1:]
    chosen = next(event for event in events if isinstance(event, PrecisionChosen))
    report = {
        "peer": "eyebright",
        "precision": chosen.precision,
        "augment": args.augment,
        "pictures_per_second": statistics.median(epoch.pictures_per_second for epoch in epochs),
        "cpu_seconds_per_picture": statistics.median(
            epoch.cpu_seconds / (epoch.pictures_per_second * epoch.seconds) for epoch in epochs
        ),
    }
    print(json.dumps(report))


def _some(pictures: Path, folder: Path, per_class: int) -> Path:
    """A folder of links to the first images of each class."""
    for source in sorted(path for path in pictures.iterdir() if path.is_dir()):
        (folder / source.name).mkdir()
        for picture in sorted(source.iterdir())[:per_class]:
            (folder / source.name / picture.name).symlink_to(picture.resolve())
    return folder


if __name__ == "__main__":
    main()
