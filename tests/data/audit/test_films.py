import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from eyebright.data.audit.films import find_films
from eyebright.data.audit.groups import find_groups
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation

CLASSES, FILMS, FRAMES = 4, 6, 12
FILM = np.arange(CLASSES * FILMS).repeat(FRAMES)
LABELS, NUMBER = FILM // FILMS, FILM % FILMS  # class, and number of the film in its class
FRAME, COUNTER = np.tile(np.arange(FRAMES), CLASSES * FILMS), np.tile(np.arange(FILMS * FRAMES), CLASSES)

Named = Callable[[int, int, int, int], str]


@pytest.fixture(scope="module")
def points() -> NDArray[np.float32]:
    """Each film starts anywhere and goes on in small steps, so that its last frame is far from the first."""
    random = np.random.default_rng(0)
    steps = random.normal(0, 0.35, (CLASSES * FILMS, FRAMES, 16))
    steps[:, 0] = random.normal(0, 1, (CLASSES * FILMS, 16))
    return steps.cumsum(axis=1).reshape(-1, 16).astype(np.float32)


def names(named: Named) -> list[str]:
    every = zip(LABELS.tolist(), NUMBER.tolist(), FRAME.tolist(), COUNTER.tolist(), strict=True)
    return [named(*one) for one in every]


def partition(numbers: NDArray[np.int64]) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(numbers == number).tolist()) for number in set(numbers.tolist())}


@pytest.mark.parametrize(
    "named",
    [
        lambda label, film, frame, _: f"{label}/{film:05d}_{frame:05d}.ppm",
        lambda label, film, frame, _: f"{label}/clip {film}/{frame}.png",
        lambda label, film, frame, _: f"{label}/f{frame:03d}-c{film}.jpg",
        lambda label, film, frame, _: f"{label}/clip{film}_{hashlib.md5(bytes([film, frame])).hexdigest()}.jpg",
        lambda label, film, frame, _: f"{label}/clip{film}/{hashlib.md5(bytes([film, frame])).hexdigest()}.jpg",
        lambda label, film, frame, _: f"{('train', 'test')[frame % 2]}/{label}/{film}_{frame}.jpg",
    ],
    ids=["film_frame", "folder", "frame first", "hashed frame", "hashed frame in a folder", "over two sets"],
)
def test_names_with_a_key_for_each_film_show_the_films(named: Named, points: NDArray[np.float32]) -> None:
    films = find_films(names(named), LABELS, points)
    assert films is not None
    assert partition(films.kept) == partition(films.sure) == partition(FILM)


@pytest.mark.parametrize(
    "named", [lambda label, _, __, counter: f"{label}/IMG_{counter}.jpg", lambda label, _, __, counter: str(counter)]
)
def test_a_film_in_a_class_with_one_counter_ends_where_the_images_change(
    named: Named, points: NDArray[np.float32]
) -> None:
    films = find_films(names(named), LABELS, points)
    assert films is not None
    kept = partition(films.kept)
    assert all(any(set(film) <= set(group) for group in kept) for film in partition(FILM))  # none is cut
    assert len(kept) >= CLASSES * FILMS / 2
    assert all(len(set(FILM[list(sure)].tolist())) == 1 for sure in partition(films.sure))  # none is joined to another
    assert len(partition(films.sure)) < 2 * CLASSES * FILMS


@pytest.mark.parametrize(
    "named",
    [
        lambda label, film, frame, _: f"{label}/{hashlib.md5(bytes([label, film, frame])).hexdigest()}.jpg",
        lambda label, film, frame, _: f"{label}/{frame * FILMS + film:04d}.jpg",
    ],
    ids=["hash", "shuffled"],
)
def test_names_in_no_order_show_no_films(named: Named, points: NDArray[np.float32]) -> None:
    assert find_films(names(named), LABELS, points) is None


def test_names_in_order_show_no_films_where_successive_images_are_not_more_similar_than_others() -> None:
    points = np.random.default_rng(0).normal(size=(len(FILM), 16)).astype(np.float32)
    assert find_films(names(lambda label, film, frame, _: f"{label}/{film}_{frame}.jpg"), LABELS, points) is None


def test_a_class_of_one_film_is_cut_into_three_but_known_to_be_one() -> None:
    random = np.random.default_rng(0)
    lengths = [60, *[12] * 10]  # one film of the first class, ten of the second
    film = np.repeat(np.arange(11), lengths)
    starts, drift = random.normal(0, 1, (11, 16))[film], random.normal(0, 0.1, (len(film), 16))
    drift[[20, 45]] += 0.5  # where the one film changes most
    points = (starts + np.concatenate([drift[film == one].cumsum(axis=0) for one in range(11)])).astype(np.float32)
    place = np.concatenate([np.arange(length) for length in lengths])
    films = find_films([f"{one}_{at}" for one, at in zip(film, place, strict=True)], (film > 0).astype(int), points)
    assert films is not None and partition(films.sure) == partition(film)
    assert partition(films.kept[:60]) == {tuple(range(20)), tuple(range(20, 45)), tuple(range(45, 60))}


def test_films_by_name_are_groups_and_images_alone_by_name_are_linked_by_appearance() -> None:
    """Films of 60 frames, a quarter of the class each; beside them, three shots of each of two objects, unnamed."""
    random = np.random.default_rng(1)
    film = np.arange(12).repeat(60)
    places = random.integers(30, 220, (14, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    shots = np.array([12] * 3 + [13] * 3)
    which = np.concatenate([film, shots])
    images = np.clip(places[which] + random.normal(0, 5, (len(which), 32, 32, 3)), 0, 255).astype(np.uint8)
    labels = np.concatenate([film // 4, [0] * 6])
    named = [f"{one:02d}_{at:03d}.jpg" for one, at in zip(film, np.tile(np.arange(60), 12), strict=True)]
    named += ["apple.jpg", "pear.jpg", "plum.jpg", "grape.jpg", "fig.jpg", "kiwi.jpg"]
    digests = [index.to_bytes(16, "big") for index in range(len(which))]
    groups = find_groups(labels, images, digests, named)
    assert partition(groups.kept) == partition(which)
    assert partition(groups.films[: len(film)]) == partition(film) and set(groups.films[-6:].tolist()) == {-1}
    order = random.permutation(len(which))
    shuffled = find_groups(labels[order], images[order], [digests[at] for at in order], [named[at] for at in order])
    assert {tuple(sorted(order[list(one)].tolist())) for one in partition(shuffled.kept)} == partition(which)


def test_real_films_stay_whole_by_their_names(real_pictures) -> None:
    dataset = Dataset.open(real_pictures / "traffic_signs")
    pack = dataset.pack(Preparation(width=32, height=32))
    usable = np.flatnonzero(pack.rows >= 0)
    named = [dataset.source.names[index] for index in usable.tolist()]
    groups = find_groups(dataset.labels[usable], pack.thumbnails(usable), pack.digests.at(usable), named)
    film = np.unique([name.split("_")[0] for name in named], return_inverse=True)[1]
    assert partition(groups.kept) == partition(film)
