import pytest

from eyebright import zoo
from eyebright.network import Add, BatchNorm, Conv2d, Flatten, Input, Linear, MaxPool2d, Network, ReLU
from eyebright.network.summary import Row, settings_of, summarize


@pytest.fixture
def skipping() -> Network:
    """A convolution whose result is added to its input."""
    pictures = Input((3, 9, 9), name="pictures")()
    convolved = Conv2d(3, 3, padding="same", name="conv")(pictures)
    return Network(pictures, Add(name="add")(convolved, pictures))


def test_a_row_tells_all_that_there_is_to_know_about_a_layer() -> None:
    network = Network.sequential(Input((3, 9, 9), name="pictures"), Conv2d(4, 3, stride=2, name="stem"))
    assert summarize(network).layers[1] == Row(
        name="stem",
        type="Conv2d",
        settings={"out_channels": 4, "kernel_size": 3, "stride": 2},
        inputs=("pictures",),
        shape=(4, 4, 4),
        parameters=4 * 3 * 9 + 4,
        multiply_adds=4 * 4 * 4 * 3 * 9,
        receptive_field=(3, 3),
    )


def test_rows_stand_in_the_order_of_computation_and_name_what_they_read(skipping: Network) -> None:
    rows = summarize(skipping).layers
    assert [(row.name, row.inputs) for row in rows] == [
        ("pictures", ()), ("conv", ("pictures",)), ("add", ("conv", "pictures")),
    ]  # fmt: skip


def test_the_totals_are_those_of_kerass_flower_network() -> None:
    """Keras's tutorial network at 180x180, five classes, has 3,989,285 parameters."""
    summary = summarize(zoo.flowers_cnn())
    convolutions = 180 * 180 * 16 * 27 + 90 * 90 * 32 * 144 + 45 * 45 * 64 * 288
    dense = 22 * 22 * 64 * 128 + 128 * 5
    assert (summary.parameters, summary.multiply_adds) == (3_989_285, convolutions + dense)
    assert sum(row.parameters for row in summary.layers) == summary.parameters
    assert sum(row.multiply_adds for row in summary.layers) == summary.multiply_adds


def test_running_statistics_are_not_counted_as_parameters() -> None:
    network = Network.sequential(Input((5, 4, 4)), BatchNorm())
    assert [row.parameters for row in summarize(network).layers] == [0, 2 * 5]


def test_receptive_fields_grow_as_in_vgg_and_dense_layers_see_everything() -> None:
    """Two 3x3 convolutions see 5 pixels; a pool of 2 sees 6; the next convolution 6 + 2 * 2."""
    network = Network.sequential(
        Input((3, 16, 16)), Conv2d(4, 3), Conv2d(4, 3), MaxPool2d(2), Conv2d(4, 3), ReLU(), Flatten(), Linear(2)
    )
    fields = [row.receptive_field for row in summarize(network).layers]
    assert fields[1:6] == [(3, 3), (5, 5), (6, 6), (10, 10), (10, 10)]
    assert fields[-1] is None


@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        (ReLU(name="named"), {}),
        (Conv2d(4, 3), {"out_channels": 4, "kernel_size": 3}),
        (Conv2d(4, (1, 3), padding="same", bias=False),
         {"out_channels": 4, "kernel_size": (1, 3), "padding": "same", "bias": False}),
        (MaxPool2d(2, ceil_mode=True), {"kernel_size": 2, "ceil_mode": True}),
        (Input((3, 8, 8)), {}),
    ],
)  # fmt: skip
def test_only_settings_that_differ_from_their_defaults_are_told(layer, settings) -> None:
    assert settings_of(layer) == settings
