import pytest

from eyebright.network import Add, AvgPool2d, Concat, Conv2d, Flatten, Input, Linear, Multiply, Network
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (Add(), [(3, 5, 7)] * 3, (3, 5, 7)),
        (Add(), [(4,)] * 2, (4,)),
        (Multiply(), [(3, 5, 7), (3, 5, 7)], (3, 5, 7)),
        (Multiply(), [(3, 5, 7), (3, 1, 1)], (3, 5, 7)),
        (Multiply(), [(4,), (4,)], (4,)),
        (Concat(), [(3, 5, 7), (1, 5, 7), (4, 5, 7)], (8, 5, 7)),
        (Concat(), [(3,), (4,)], (7,)),
        (Concat(), [(3, 5, 7)], (3, 5, 7)),
    ],
)
def test_shapes_of_what_is_merged(layer, shapes, expected):
    assert layer.output_shape(*shapes) == expected
    assert layer.parameters(*shapes) == {} and layer.multiply_adds(*shapes) == 0


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (Add(name="sum"), [(3, 8, 8), (3, 8, 7)], "one shape"),
        (Add(name="sum"), [(3, 8, 8), (1, 8, 8)], "one shape"),
        (Add(name="sum"), [(3,), (3, 1, 1)], "one shape"),
        (Multiply(name="gate"), [(3, 8, 8), (3, 8, 7)], "one shape"),
        (Multiply(name="gate"), [(3, 8, 8), (4, 1, 1)], "one shape"),
        (Multiply(name="gate"), [(3, 1, 1), (3, 8, 8)], "one shape"),
        (Multiply(name="gate"), [(3,), (3, 1, 1)], "one shape"),
        (Concat(name="cat"), [(3, 8, 8), (3, 8, 7)], "all but their channels"),
        (Concat(name="cat"), [(3,), (3, 8, 8)], "all but their channels"),
    ],
)
def test_shapes_that_do_not_fit_are_told_with_the_names_of_all_layers(layer, shapes, words):
    nodes = [Input(shape, name=name)() for name, shape in zip(["left", "right"], shapes, strict=True)]
    first, second = (str(shape).replace("(", r"\(").replace(")", r"\)") for shape in shapes)
    message = f"^{type(layer).__name__} '{layer.name}', after left and right: .*{words}.*got {first} and {second}$"
    with pytest.raises(NetworkError, match=message):
        layer(*nodes)


@pytest.mark.parametrize("layer", [Add(name="join"), Multiply(name="join")])
def test_a_mismatch_in_json_is_told_with_shapes_and_names(layer):
    pictures = Input((3, 8, 8), name="in")()
    left = Conv2d(4, 3, padding="same", name="left")(pictures)
    data = Network(pictures, layer(left, Conv2d(4, 1, name="right")(pictures))).to_dict()
    (right,) = [entry for entry in data["layers"] if entry["name"] == "right"]
    right["kernel_size"] = 2
    with pytest.raises(NetworkError, match=r"'join', after left and right.*\(4, 8, 8\) and \(4, 7, 7\)"):
        Network.from_dict(data)


def test_unnamed_sources_are_told_by_their_type():
    pictures = Input((3, 8, 8))()
    with pytest.raises(NetworkError, match=r"^Concat, after Conv2d and AvgPool2d: .*\(4, 8, 8\) and \(3, 4, 4\)"):
        Concat()(Conv2d(4, 1)(pictures), AvgPool2d(2)(pictures))
    with pytest.raises(NetworkError, match=r"^Add, after Linear and Linear: .*\(4,\) and \(5,\)"):
        Add()(Linear(4)(Flatten()(pictures)), Linear(5)(Flatten()(pictures)))


@pytest.mark.parametrize(
    ("layer", "count", "wanted"),
    [(Add(), 1, "2 or more"), (Multiply(), 1, "2"), (Multiply(), 3, "2"), (Concat(), 0, "1")],
)
def test_too_few_or_too_many_inputs_are_refused(layer, count, wanted):
    with pytest.raises(NetworkError, match=f"{type(layer).__name__} takes {wanted}.* given {count}"):
        layer(*[Input((3,))() for _ in range(count)])
