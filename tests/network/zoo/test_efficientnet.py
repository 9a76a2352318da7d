import pytest

from eyebright.network import Add, Conv2d, Dropout, zoo

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


@pytest.mark.parametrize(("name", "blocks"), list(zip(LITE, (16, 21, 21), strict=True)))
def test_depth_grows_by_the_published_factors_but_for_the_first_and_last_stage(name, blocks):
    """Stages of 1, 2, 2, 3, 3, 4 and 1 blocks, times 1.0, 1.1 and 1.2, rounded up."""
    places = zoo.NETWORKS[name].as_published().places
    assert sum(key.endswith("._depthwise_conv") for key in places) == blocks


@pytest.mark.parametrize("name", LITE)
def test_stem_and_head_keep_their_width(name):
    places = zoo.NETWORKS[name].as_published().places
    assert (places["_conv_stem"].shape[0], places["_conv_head"].shape[0]) == (32, 1280)


def test_widths_are_multiples_of_eight_near_the_scaled_ones():
    places = zoo.efficientnet_lite2().places
    widths = dict.fromkeys(place.shape[0] for key, place in places.items() if key.endswith("._project_conv"))
    assert list(widths) == [16, 24, 48, 88, 120, 208, 352]


@pytest.mark.parametrize(("name", "share"), list(zip(LITE, (0.2, 0.2, 0.3), strict=True)))
def test_dropout_is_that_of_the_variant(name, share):
    assert [p.layer.p for p in zoo.NETWORKS[name].as_published().places.values() if isinstance(p.layer, Dropout)] == [
        share
    ]


def test_depthwise_kernels_see_one_channel_and_skips_join_equal_shapes():
    places = zoo.efficientnet_lite0().places
    depthwise = [place for key, place in places.items() if key.endswith("._depthwise_conv")]
    assert all(isinstance(place.layer, Conv2d) and place.parameters["weight"].shape[1] == 1 for place in depthwise)
    assert sum(isinstance(place.layer, Add) for place in places.values()) == 9  # 16 blocks, 7 of which change shape


@pytest.mark.parametrize("size", [1, 32, 33, 500])
def test_every_size_is_halved_five_times_and_rounded_up(size):
    place = zoo.efficientnet_lite0(input_size=size).places["_conv_head"]
    assert place.shape == (1280, -(-size // 32), -(-size // 32))
