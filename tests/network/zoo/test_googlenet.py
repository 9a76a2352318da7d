import pytest

from eyebright.network import Concat, zoo

TABLE = {  # table 1: the sizes that each module gives, at 224
    "3a": (256, 28),
    "3b": (480, 28),
    "4a": (512, 14),
    "4b": (512, 14),
    "4c": (512, 14),
    "4d": (528, 14),
    "4e": (832, 14),
    "5a": (832, 7),
    "5b": (1024, 7),
}


def test_modules_have_the_sizes_of_the_paper():
    places = zoo.googlenet().places
    assert {name: places[f"inception{name}.concat"].shape for name in TABLE} == {
        name: (width, size, size) for name, (width, size) in TABLE.items()
    }
    assert sum(isinstance(place.layer, Concat) for place in places.values()) == len(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_four_branches_start_from_what_the_module_before_has_found(name):
    places = zoo.googlenet().places
    starts = (f"inception{name}.{first}" for first in ("branch1.conv", "branch2.0.conv", "branch3.0.conv", "branch4.0"))
    assert len({places[start].inputs for start in starts}) == 1
    assert [source.split(".")[1] for source in places[f"inception{name}.concat"].inputs] == [
        *("branch1", "branch2", "branch3", "branch4")
    ]
