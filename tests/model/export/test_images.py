import numpy as np

from eyebright.model.export.images import synthetic_images


def test_synthetic_images_are_always_the_same_and_say_what_they_are(classifier):
    first, second = (synthetic_images(classifier.preparation) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.labels is None and "no real ones were given" in first.origin
    assert len(np.unique(first.pixels.reshape(len(first.pixels), -1), axis=0)) == len(first.pixels) == 64
