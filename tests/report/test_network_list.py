import itertools
import re

import pytest

from eyebright.network import zoo
from eyebright.report.network_list import NetworkRow, network_list_text, network_rows

ROWS = network_rows()
TEXT = network_list_text(ROWS)


def row(name: str) -> NetworkRow:
    return next(row for row in ROWS if row.name == name)


def test_all_networks_are_listed_once_oldest_family_first() -> None:
    listed = re.findall(r"^(\w+)\*? +(?:19|20)\d\d ", TEXT, re.MULTILINE)
    assert sorted(listed) == sorted(zoo.NETWORKS)
    order = [
        "mlp", "lenet5", "alexnet", "nin", "vgg16", "googlenet", "resnet50", "densenet121", "efficientnet_lite0",
    ]  # fmt: skip
    places = [listed.index(name) for name in order]
    assert places == sorted(places)


def test_every_line_fits_80_columns() -> None:
    assert max(map(len, TEXT.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "year", "parameters", "multiply_adds"),
    [
        ("alexnet_owt", 2014, 61_100_840, 714_188_480),
        ("vgg16", 2014, 138_357_544, 15_470_264_320),
        ("resnet50", 2015, 25_557_032, 4_089_184_256),
        ("densenet121", 2016, 7_978_856, 2_834_161_664),
        ("lenet5", 1998, 61_706, 416_520),
    ],
)
def test_figures_are_the_published_ones(name: str, year: int, parameters: int, multiply_adds: int) -> None:
    found = row(name)
    assert (found.year, found.parameters, found.multiply_adds) == (year, parameters, multiply_adds)


def test_the_figures_of_the_table_are_those_of_the_rows() -> None:
    assert re.search(r"^resnet50\* +2015 +25\.6M +4\.09G +bottlenecks", TEXT, re.MULTILINE)
    assert re.search(r"^lenet5 +1998 +61\.7k +417k +convolution", TEXT, re.MULTILINE)


def test_every_paper_and_what_was_new_is_printed_in_full() -> None:
    flowing = " ".join(TEXT.split())
    for found in ROWS:
        assert found.brought
        assert found.paper in flowing
        assert " ".join(itertools.islice(found.brought.split(), 3)) in flowing


def test_other_sizes_and_classes_than_those_of_imagenet_are_named() -> None:
    flowing = " ".join(TEXT.split())
    assert "mlp (28x28x1, 10 classes)" in flowing
    assert "alexnet (227x227x3)" in flowing
    assert "resnet18 (" not in flowing


def test_a_star_marks_published_weights() -> None:
    starred = set(re.findall(r"^(\w+)\* ", TEXT, re.MULTILINE))
    assert starred == set(zoo.WEIGHTS) == {found.name for found in ROWS if found.published_weights}


def test_the_mlp_grows_with_the_image_and_convolutional_networks_do_not() -> None:
    growth = TEXT.split("parameters for 10 classes")[1].splitlines()
    sizes = [int(size.split("x")[0]) for size in growth[1].split()]
    grown = {line.split()[0]: line.split()[1:] for line in growth[2:6]}
    expected = [(3 * size**2 + 1) * 128 + 129 * 10 for size in sizes]
    assert [float(text[:-1]) * {"k": 1e3, "M": 1e6}[text[-1]] for text in grown["mlp"]] == [
        pytest.approx(count, rel=5e-3) for count in expected
    ]
    assert set(grown["resnet18"]) == {"11.2M"}
    assert len(set(grown["densenet121"])) == 1


def test_the_weights_of_vggs_first_layer_as_a_dense_layer_are_counted() -> None:
    flowing = " ".join(TEXT.split())
    assert f"{3 * 224**2 * 64 * 224**2:,} weights" in flowing
    assert f"it has {3 * 3 * 3 * 64:,}" in flowing
