import numpy as np
import pytest

from eyebright import assessment


@pytest.mark.parametrize(
    ("count", "num_classes"), [(500, 5), (30_000, 1_000), (1, 1_000), (100_000, 20), (104_857, 20)]
)
def test_so_many_validation_pictures_are_taken_as_their_logits_fit(count: int, num_classes: int) -> None:
    some = assessment.bounded(np.arange(count), num_classes)
    assert some[0] == 0 and len(some) * num_classes <= 2**21
    assert len(some) == count or len(some) * num_classes >= 2**20 - num_classes
    assert len(np.unique(np.diff(some))) <= 1  # evenly spread
