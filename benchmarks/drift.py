"""How often eyebright drift raises a false alarm, and how often it finds a mild change, on five real data sets.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/drift.py [--draws 100] [--sets flowers faces]

For each set a model is trained as `eyebright train` does by default, on 40% of up to 2,000 images. The others are
halved at random again and again, whole groups together: half of them is the reference, of the other half n images are
new. Nothing differs, so every alarm is false. Then new images are changed in one mild way, and the alarms are counted:
those of any measure, and those of the measure that should see the change.
"""

import argparse
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

import eyebright as eb
from eyebright.data.pack import Pack
from eyebright.data.sources.source import Subset
from eyebright.model.assess import measured, with_features
from eyebright.model.profile import MOST, NetworkOutputs, profile
from eyebright.trust.drift import Profile, compare_profiles

SETS = {
    "flowers": "flowers",
    "cifar10": "cifar10",
    "traffic_signs": "traffic_signs",
    "faces": "faces",
    "fashion": "fashion/folder",
}
LARGEST, CHANGED = 2_000, 300
NEW = (20, 100, 300)


def jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=20)
    return Image.open(file)


def noisy(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    noise = np.random.default_rng(0).normal(0, 12, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(picture.width / 100))


def middle(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 4, height // 4, width * 3 // 4, height * 3 // 4)).resize(picture.size)


def half_size(picture: Image.Image) -> Image.Image:
    return picture.resize((max(picture.width // 2, 8), max(picture.height // 2, 8)))


CHANGES: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "20% darker": ("brightness", lambda picture: ImageEnhance.Brightness(picture).enhance(0.8)),
    "40% darker": ("brightness", lambda picture: ImageEnhance.Brightness(picture).enhance(0.6)),
    "half the contrast": ("contrast", lambda picture: ImageEnhance.Contrast(picture).enhance(0.5)),
    "grey": ("colour", lambda picture: picture.convert("L")),
    "blurred by 1% of the width": ("sharpness", blurred),
    "noise of 12 levels": ("sharpness", noisy),
    "JPEG of quality 20": ("features", jpeg),
    "half as large": ("size", half_size),
    "middle half enlarged": ("features", middle),
}


class Held:
    """A model, and the profile of images that it was not trained on."""

    def __init__(self, name: str, folder: Path) -> None:
        whole = eb.Dataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / SETS[name])
        kept = np.sort(np.random.default_rng(1).permutation(len(whole))[:LARGEST])
        self.dataset = eb.Dataset(
            Subset(whole.source, kept.tolist()), whole.classes, whole.labels[kept], validation=0.3, test=0.3, seed=1
        )
        result = eb.train(self.dataset, folder / name, verbose=False)
        self.classifier, self.accuracy = result.classifier, result.test.accuracy
        prepared = self.classifier.prepare(self.dataset)
        held = np.flatnonzero(prepared.sides > 0)
        self.see = with_features(self.classifier.network, self.classifier.get_weights())
        self.images, self.labels = held, prepared.labels[held]
        self.profile = self.profile_of(prepared.pack, held, prepared.groups_at(held))

    def profile_of(self, pack: Pack, indices: np.ndarray, groups: np.ndarray | None) -> Profile:
        seen = measured(self.see, pack, indices)
        learned = self.classifier.learned
        assert learned.reference.unknown is not None
        scaled = NetworkOutputs(seen.logits / learned.calibration.temperature, seen.features)
        return profile(pack, indices, groups, scaled, learned.reference.unknown)

    def changed(self, places: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> Profile:
        """The profile of some of the held-out images after a change."""
        pictures = []
        for index in self.images[places].tolist():
            source = self.dataset.source.open(index)
            with Image.open(source if isinstance(source, Path) else io.BytesIO(source)) as picture:
                pictures.append(np.asarray(change(picture.convert("RGB")).convert("RGB")))
        labels = np.arange(len(pictures)) % 2
        pack = eb.Dataset.from_arrays(pictures, labels, ["a", "b"]).pack(self.classifier.preparation)
        return self.profile_of(pack, np.arange(len(pictures)), self.profile.groups[places])

    def halves(self, draws: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of the reference and of the other half, whole groups together; at most `MOST` in the reference."""
        stream = np.random.default_rng(seed)
        groups = self.profile.groups
        for _ in range(draws):
            names = stream.permutation(np.unique(groups))
            is_first = np.isin(groups, names[: len(names) // 2])
            yield stream.permutation(np.flatnonzero(is_first))[:MOST], stream.permutation(np.flatnonzero(~is_first))


def part(of: Profile, places: np.ndarray) -> Profile:
    return Profile(*(values[places] for values in of))


def alarms(held: Held, reference: Profile, new: Profile) -> tuple[set[str], set[str]]:
    """The measures that raise an alarm, and those that are significant."""
    measures, _ = compare_profiles(reference, new, held.classifier.classes)
    return {each.name for each in measures if each.is_alarm}, {each.name for each in measures if each.is_proven}


def false_alarms(held: Held, draws: int) -> None:
    for count in NEW:
        found = [
            alarms(held, part(held.profile, one), part(held.profile, other[:count]))
            for one, other in held.halves(draws, count)
        ]
        rates = [np.mean([bool(names[kind]) for names in found]) for kind in (0, 1)]
        print(f"  {count:4} new images, nothing changed: alarms {rates[0]:.1%}, significant {rates[1]:.1%}", flush=True)


def power(held: Held, draws: int) -> None:
    places = np.random.default_rng(2).permutation(len(held.images))[:CHANGED]
    cases = {name: (measure, held.changed(places, change)) for name, (measure, change) in CHANGES.items()}
    original = part(held.profile, places)
    most = np.bincount(held.labels).argmax()
    cases["largest class missing"] = ("classes", part(original, np.flatnonzero(held.labels[places] != most)))
    for name, (measure, changed) in cases.items():
        shown = []
        for count in NEW[:2]:
            found = []
            for one, other in held.halves(draws, count):
                usable = np.flatnonzero(np.isin(changed.groups, held.profile.groups[other]))
                found.append(alarms(held, part(held.profile, one), part(changed, usable[:count]))[0])
            shown.append(f"of {count}: any {np.mean([bool(names) for names in found]):.0%}, "
                        f"{measure} {np.mean([measure in names for names in found]):.0%}")  # fmt: skip
        print(f"  {name:28} {';  '.join(shown)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            held = Held(name, Path(folder))
            groups = len(np.unique(held.profile.groups))
            print(f"{name}: test accuracy {held.accuracy:.1%}; {len(held.images)} held-out images in {groups} groups")
            false_alarms(held, options.draws)
            power(held, max(options.draws // 4, 1))


if __name__ == "__main__":
    main()
