"""The same pictures give the same model in whatever order they are listed, also where the network is chosen."""

import numpy as np

from eyebright import Dataset, Settings
from eyebright.choosing import choose


def test_the_chosen_head_does_not_depend_on_how_pictures_are_listed():
    random = np.random.default_rng(7)
    images = random.integers(0, 256, (36, 20, 24, 3), np.uint8)
    images[1] = images[4] = images[0]  # a group
    names = np.array(["blue", "green", "red"])[np.arange(36) % 3]
    names[[1, 4]] = names[0]
    chosen = []
    for order in (np.arange(36), np.arange(36)[::-1], random.permutation(36)):
        dataset = Dataset.from_arrays(images[order], names[order])
        choice = choose(dataset, "crop", 64, Settings(), lambda event: None, begun_at=0.0, mirror=False)
        chosen.append(choice.weights)
    for other in chosen[1:]:
        assert all(np.array_equal(chosen[0][name], other[name]) for name in other)
