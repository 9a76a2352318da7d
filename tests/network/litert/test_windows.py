import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eyebright.network.layers.windows import slide
from eyebright.network.litert.windows import padded_like_tensorflow
from eyebright.system.errors import NetworkError


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_the_padding_same_of_networks_is_that_of_tensorflow(size, kernel, stride, ceil_mode):
    window = slide((1, size, size), kernel, stride, "same", ceil_mode=ceil_mode)
    assert padded_like_tensorflow(window, (size, size))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_other_padding_is_so_only_where_positions_begin_at_the_same_pixels(size, kernel, stride, padding):
    try:
        window = slide((1, size, size), kernel, stride, padding)
    except NetworkError:
        assume(False)
    same = slide((1, size, size), kernel, stride, "same")
    positions = (window.counts, window.before) == (same.counts, same.before)
    assert padded_like_tensorflow(window, (size, size)) == positions


@pytest.mark.parametrize(("size", "expected"), [(7, True), (8, False)])
def test_a_stride_of_2_with_a_padding_of_1_depends_on_the_size(size, expected):
    """An odd size is padded on both sides; an even one by TensorFlow at the end only."""
    assert padded_like_tensorflow(slide((1, size, size), 3, 2, 1), (size, size)) == expected
