import numpy as np
import pytest

import eyebright as eb
from eyebright.runs.opening import default_output, for_promise, open_pictures
from eyebright.runs.request import Request
from eyebright.system.errors import SettingsError
from eyebright.training.receivers import to_all


def test_without_an_output_a_run_is_named_after_the_images(pictures):
    assert default_output("s3://bucket/cats.tar?token=secret") == "cats_run"
    assert default_output(eb.Dataset.open(pictures)) == "pictures_run"
    memory = eb.Dataset.from_arrays(np.zeros((4, 8, 8, 3), np.uint8), ["a", "b"] * 2)
    with pytest.raises(SettingsError, match="images in memory have no name: give the run's folder as output"):
        default_output(memory)


def test_images_are_opened_as_the_request_says(pictures):
    request = Request(pictures=str(pictures), validation=0.2, test=0.3, split_seed=7)
    dataset = open_pictures(request, to_all(()))
    assert (dataset.shares, dataset.seed, dataset.holds_back) == ((0.2, 0.3), 7, False)
    assert for_promise(dataset, request.changed(promise="accuracy=0.9")).holds_back
