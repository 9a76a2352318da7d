from eyebright import zoo
from eyebright.network import Conv2d, Flatten, Input, Linear, Network
from eyebright.network.summary import rows, summary


def test_a_row_tells_name_type_shape_parameters_and_multiply_adds():
    network = Network.sequential(Input((3, 9, 9)), Conv2d(4, 3, stride=2, name="stem"))
    assert rows(network)[1] == ("stem", "Conv2d", "4 x 4 x 4", 4 * 3 * 9 + 4, 4 * 4 * 4 * 3 * 9)


def test_the_table_has_a_line_for_each_layer_in_order():
    network = Network.sequential(Input((3, 9, 9)), Flatten(name="眼"), Linear(2))
    lines = summary(network).splitlines()
    assert lines[0].split() == ["layer", "type", "output", "parameters", "multiply-adds"]
    assert [line.split()[0] for line in lines[2:-2]] == ["input_1", "眼", "linear_1"]


def test_the_last_line_tells_the_totals_of_kerass_flower_network():
    """Keras's tutorial network at 180x180, five classes, has 3,989,285 parameters."""
    convolutions = 180 * 180 * 16 * 27 + 90 * 90 * 32 * 144 + 45 * 45 * 64 * 288
    dense = 22 * 22 * 64 * 128 + 128 * 5
    assert summary(zoo.flowers_cnn()).splitlines()[-1].split() == ["total", "3,989,285", f"{convolutions + dense:,}"]


def test_numbers_end_below_each_other():
    lines = summary(zoo.flowers_cnn()).splitlines()
    assert len({len(line) for line in lines}) == 1
