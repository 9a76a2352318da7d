"""Frames of films, and how many of a test set have a frame of their own film in the training set.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/films.py [--seeds 8]

The films are those of the traffic signs (three of 15 frames in each class), as they are and changed, and films rendered
here: a camera that moves over a texture and zooms in on a sign, in changing light and with noise. Each set is measured
under several patterns of names: `film_frame` (00015_00002), one `counter` for each class (IMG_0017), a `folder` for
each film, the `frame` before the film (f012_c03), and a `hash`, which says nothing.

For each set: images, films, groups kept together; the share of test images with a frame of their film in training
(`leak`, the mean over the seeds; a random split has nearly 100%), how many of these are not known (`unknown`), and the
share of validation and test set.

Sets without films follow: how many of their images are in groups, and the largest group.
"""

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

import eyebright as eb
from eyebright.data.audit.together import together
from eyebright.data.pictures import Preparation
from eyebright.data.split import split

SIDE = 32
RENDERED = {
    "rendered": {},
    "rendered, 5 frames": {"frames": 5, "films": 12},
    "rendered, 30 frames": {"frames": 30, "films": 10},
    "rendered, 60 frames": {"frames": 60, "films": 4},
    "rendered, 10 to 30 frames": {"frames": 20, "spread": 10},
    "rendered, fast and noisy": {"speed": 8.0, "noise": 20.0},
    "rendered, slow": {"speed": 0.3, "zoom": 1.0},
    "rendered, large zoom": {"zoom": 3.0, "frames": 30, "speed": 4.0},
    "rendered, strong light": {"light": 1.5},
    "rendered, many films": {"classes": 3, "films": 40},
}


class Films(NamedTuple):
    """Frames in the order in which they were taken: `(N, 32, 32, 3)`, and class and film of each, `(N,)`."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    film: NDArray[np.int64]

    def at(self, kept: NDArray[np.int64]) -> "Films":
        return Films(self.frames[kept], self.labels[kept], self.film[kept])

    @property
    def place(self) -> NDArray[np.int64]:
        """The number of each frame in its film."""
        return np.concatenate([np.arange(count) for count in np.bincount(self.film)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=8, help="splits of each set")
    parser.add_argument("--rendering", type=int, default=0, help="the seed of the rendered films")
    args = parser.parse_args()
    for name, films in every_set(args.rendering):
        for pattern, named in PATTERNS.items():
            measure(f"{name}, {pattern}", films, named(films), args.seeds)
    for name in ("flowers", "cifar10", "fashion/folder", "faces"):
        without_films(name)


def every_set(rendering: int) -> Iterator[tuple[str, Films]]:
    signs = traffic_signs()
    yield "signs", signs
    yield "signs, one frame in two", signs.at(np.flatnonzero(signs.place % 2 == 0))
    yield "signs, one frame in three", signs.at(np.flatnonzero(signs.place % 3 == 0))
    yield "signs, films cut to 5", signs._replace(film=signs.film * 3 + signs.place // 5)
    yield "signs, films joined to 30 (only names can tell)", joined(signs)
    for number, (name, options) in enumerate(RENDERED.items()):
        yield name, render(np.random.default_rng([rendering, number]), **options)


def traffic_signs() -> Films:
    dataset, frames = opened("traffic_signs")
    films = [name.split("_")[0] for name in dataset.source.names]
    return Films(frames, dataset.labels, np.unique(films, return_inverse=True)[1])


def joined(signs: Films) -> Films:
    """Classes of three signs each, with nine films, which are joined by two; the last ones stay alone."""
    films = np.arange(signs.film.max() + 1)
    return signs._replace(
        labels=signs.labels // 3, film=(films - films // 9 * 9)[signs.film] // 2 + signs.film // 9 * 9
    )


def opened(name: str) -> tuple[eb.Dataset, NDArray[np.uint8]]:
    dataset = eb.Dataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / name)
    pack = dataset.pack(Preparation(width=SIDE, height=SIDE))
    whole = eb.Dataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / name, exclude=[left.name for left in pack.left_out])
    return whole, whole.pack(pack.preparation).prints(np.arange(len(whole)))["thumbnail"]


def render(
    random: np.random.Generator,
    *,
    classes: int = 8,
    films: int = 6,
    frames: int = 15,
    spread: int = 0,
    speed: float = 1.0,
    zoom: float = 1.6,
    noise: float = 6.0,
    light: float = 0.5,
) -> Films:
    """Films of a sign for each class before a texture for each film.

    Args:
        random: Source of all that differs.
        classes: Number of classes.
        films: Number of films of each.
        frames: Frames of a film, give or take `spread`.
        spread: See `frames`.
        speed: Pixels of the texture, of which 96 are seen at once, that the camera moves from frame to frame.
        zoom: Size of the sign in the last frame over that in the first.
        noise: Standard deviation of levels.
        light: Standard deviation of the logarithm of the light in the last frame.
    """
    signs = [texture(random, 96) + random.normal(0, 40, 3) for _ in range(classes)]
    found: list[NDArray[np.uint8]] = []
    labels, film = [], []
    for number in range(classes * films):
        count = frames + int(random.integers(-spread, spread + 1))
        sign, scene = signs[number // films], texture(random, 256)
        heading = random.normal(size=2)
        heading *= speed / np.linalg.norm(heading)
        shake = np.cumsum(random.normal(0, 0.4 * speed, (count, 2)), axis=0)
        exposure = np.exp(np.cumsum(random.normal(0, light / np.sqrt(count), count)))
        colour, first, start = (
            random.uniform(0.5, 1.2) * random.uniform(0.85, 1.15, 3),
            random.uniform(0.8, 1.2),
            random.uniform(60, 190, 2),
        )
        for place in range(count):
            size = first * zoom ** (place / max(count - 1, 1))
            moved = heading * place + shake[place]
            frame = shot(scene, sign, start + moved, moved / 400, size) * colour * exposure[place]
            frame = gaussian_filter(frame, (1.2 * (1 - place / count),) * 2 + (0,)) if zoom > 1 else frame
            found.append(np.clip(frame + random.normal(0, noise, frame.shape), 0, 255).astype(np.uint8))
        labels += [number // films] * count
        film += [number] * count
    return Films(np.stack(found), np.array(labels), np.array(film))


def texture(random: np.random.Generator, side: int) -> NDArray[np.float64]:
    layers = [
        gaussian_filter(random.normal(size=(side, side, 3)), (width, width, 0), mode="wrap") * width * weight
        for width, weight in ((2, 0.6), (6, 1.0), (20, 1.4))
    ]
    total = np.sum(layers, axis=0)
    return np.asarray(total / total.std() * random.uniform(25, 55) + random.uniform(70, 170, 3))


def shot(scene, sign, at, shift, size) -> NDArray[np.float64]:
    """A part of the scene, with the sign as a disc before it."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) - 0.5
    frame = sampled(scene, at[0] + down * 96 / size, at[1] + across * 96 / size, "wrap")
    down, across = (down - shift[0]) / (0.28 * size), (across - shift[1]) / (0.28 * size)
    disc = sampled(sign, 48 + 40 * down, 48 + 40 * across, "nearest")
    return np.where((down**2 + across**2 < 1)[..., None], disc, frame)


def sampled(image, down, across, mode: str) -> NDArray[np.float64]:
    return np.stack([map_coordinates(image[..., c], [down, across], order=1, mode=mode) for c in range(3)], axis=-1)


def of_class(films: Films) -> NDArray[np.int64]:
    """The number of each film in its class."""
    first = {label: films.film[films.labels == label].min() for label in set(films.labels.tolist())}
    return films.film - np.array([first[label] for label in films.labels.tolist()])


def counted(films: Films) -> NDArray[np.int64]:
    """The number of each frame in its class."""
    place = np.empty(len(films.labels), np.int64)
    for label in set(films.labels.tolist()):
        place[films.labels == label] = np.arange((films.labels == label).sum())
    return place


PATTERNS: dict[str, Callable[[Films], list[str]]] = {
    "film_frame": lambda f: [
        f"{c}/{n:05d}_{p:05d}.ppm" for c, n, p in zip(f.labels, of_class(f), f.place, strict=True)
    ],
    "counter": lambda f: [f"{c}/IMG_{n:04d}.jpg" for c, n in zip(f.labels, counted(f), strict=True)],
    "folder": lambda f: [f"{c}/clip {n}/{p}.png" for c, n, p in zip(f.labels, of_class(f), f.place, strict=True)],
    "frame": lambda f: [f"{c}/f{p:03d}_c{n:02d}.png" for c, n, p in zip(f.labels, of_class(f), f.place, strict=True)],
    "hash": lambda f: [f"{c}/{hashlib.md5(str(n).encode()).hexdigest()}.jpg" for n, c in enumerate(f.labels)],
}


def measure(name: str, films: Films, names: list[str], seeds: int) -> None:
    digests = [hashlib.md5(frame.tobytes()).digest() for frame in films.frames]
    found = together(films.labels, films.frames, digests, names=names)
    alone = np.arange(len(digests)) + len(digests)
    kept = np.where(found.kept < 0, alone, found.kept)
    classes = [str(label) for label in range(films.labels.max() + 1)]
    leaks, unknown, shares = [], [], []
    for seed in range(seeds):
        sides = split(films.labels, digests, classes, seed=seed, groups=found.kept)
        leaking = np.isin(films.film, films.film[sides == 0])[sides == 2]
        shown = ((found.related >= 0) & np.isin(found.related, found.related[sides == 0]))[sides == 2]
        leaks.append(leaking.mean())
        unknown.append((leaking & ~shown).mean())
        shares.append([(sides == side).mean() for side in (1, 2)])
    print(
        f"{name:60s} {len(digests):5d} images {len(set(films.film.tolist())):4d} films "
        f"{len(np.unique(kept)):4d} groups: leak {np.mean(leaks):.1%} (most {np.max(leaks):.1%}, "
        f"unknown {np.mean(unknown):.1%}), "
        f"validation {np.mean(shares, axis=0)[0]:.0%}, test {np.mean(shares, axis=0)[1]:.0%}",
        flush=True,
    )


def without_films(name: str) -> None:
    dataset, frames = opened(name)
    pack = dataset.pack(Preparation(width=SIDE, height=SIDE))
    found = together(dataset.labels, frames, pack.digests, names=dataset.source.names)
    sizes = np.bincount(found.kept[found.kept >= 0])
    print(
        f"{name:60s} {len(dataset):5d} images: {(found.kept >= 0).mean():.1%} in {(sizes > 0).sum()} groups, "
        f"the largest of {sizes.max(initial=0)}; {(found.related >= 0).mean():.1%} with near-duplicates",
        flush=True,
    )


if __name__ == "__main__":
    main()
