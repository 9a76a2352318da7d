"""The arithmetic of a window that slides over an image, for convolutions and pools.

Along a side of W pixels, a window of F pixels with stride S has floor((W - F + P) / S) + 1 positions; P is the padding
of both sides together. `padding="same"` is TensorFlow's: there are W / S positions, rounded up, and if P is odd, the
extra row or column is at the bottom or right.
"""

from typing import Literal, NamedTuple, TypeAlias

from eyebright.network.layer import Layer, Shape
from eyebright.system.errors import NetworkError

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = int | tuple[int, int] | Literal["same", "valid"]
_MOST_PADDING = 65_536


class Window(NamedTuple):
    """A window that slides over an image; pairs are (vertical, horizontal), in pixels.

    Args:
        kernel: Its size, with dilation.
        stride: The distance of neighbouring positions.
        before: Padding at the top and left.
        after: Padding at the bottom and right.
        beyond: How far the last position reaches beyond the padding, with `ceil_mode`.
        counts: Number of positions: height and width of the output.
    """

    kernel: Pair
    stride: Pair
    before: Pair
    after: Pair
    beyond: Pair
    counts: Pair


def slide(
    shape: Shape, kernel_size: Size, stride: Size, padding: Padding, *, dilation: Size = 1, ceil_mode: bool = False
) -> Window:
    """The window over an input of shape (C, H, W); a `NetworkError` if it is larger than the input."""
    _, *sizes = image_shape(shape)
    kernel = extent(kernel_size, dilation)
    pads = (padding, padding) if isinstance(padding, str) else as_pair(padding)
    axes = [_along(*lengths, ceil_mode=ceil_mode) for lengths in zip(sizes, kernel, as_pair(stride), pads, strict=True)]
    if any(axis.positions < 1 for axis in axes):
        padded = " x ".join(str(size + axis.before + axis.after) for size, axis in zip(sizes, axes, strict=True))
        raise NetworkError(
            f"the kernel of {kernel[0]} x {kernel[1]} is larger than its input of {padded} (with padding): "
            "use larger images, a smaller kernel, or fewer layers that reduce the size"
        )
    before, after, beyond, counts = zip(*axes, strict=True)
    return Window(kernel, as_pair(stride), before, after, beyond, counts)


def beyond_image(window: Window, shape: Shape) -> Pair:
    """How far the last position reaches beyond an image of shape (C, H, W) at the bottom and right; below 0: not to it.

    It is less than `after` where the window has no position at the last rows or columns of the padding.
    """
    sides = zip(window.counts, window.stride, window.kernel, shape[1:], window.before, strict=True)
    bottom, right = ((count - 1) * step + length - size - first for count, step, length, size, first in sides)
    return bottom, right


def named_padding(window: Window, shape: Shape) -> Literal["valid", "same"] | None:
    """What TensorFlow and Keras call the padding of a window over an image of shape (C, H, W); None: it has no name."""
    after = beyond_image(window, shape)
    if not any(window.before) and max(after) <= 0:
        return "valid"
    same = slide(shape, window.kernel, window.stride, "same")
    return "same" if (same.counts, same.before) == (window.counts, window.before) else None


class _Axis(NamedTuple):
    before: int
    after: int
    beyond: int
    positions: int


def _along(size: int, field: int, step: int, padding: int | str, *, ceil_mode: bool) -> _Axis:
    """The window along one side of the image."""
    before = after = padding if isinstance(padding, int) else 0
    if padding == "same":
        total = max((-(-size // step) - 1) * step + field - size, 0)
        before, after = total // 2, total - total // 2
    room = size + before + after - field
    positions = (-(-room // step) if ceil_mode else room // step) + 1
    if ceil_mode and (positions - 1) * step >= size + before:  # it must start inside the image, as in PyTorch
        positions -= 1
    return _Axis(before, after, max((positions - 1) * step - room, 0), positions)


def extent(kernel_size: Size, dilation: Size) -> Pair:
    """Height and width in pixels that a kernel covers, with dilation."""
    sizes = zip(as_pair(kernel_size), as_pair(dilation), strict=True)
    vertical, horizontal = (step * (length - 1) + 1 for length, step in sizes)
    return vertical, horizontal


def as_pair(size: Size) -> Pair:
    """(vertical, horizontal) of a size that may be given as one number."""
    return (size, size) if isinstance(size, int) else size


def as_tuple(value: float | tuple[float, ...]) -> tuple[float, ...]:
    """The values of a setting that may be given as one number."""
    return value if isinstance(value, tuple) else (value,)


def image_shape(shape: Shape) -> tuple[int, int, int]:
    """The shape as (C, H, W); a `NetworkError` if it is not that of an image."""
    if len(shape) != 3:
        raise NetworkError(f"expected an image (channels, height, width), got {shape}")
    return shape[0], shape[1], shape[2]


def require_positive(layer: Layer, *names: str) -> None:
    """Raise a `NetworkError` if one of these settings of a layer is given and not from 1 to a million."""
    for name in names:
        value = getattr(layer, name)
        if value is not None and not all(0 < part <= 1_000_000 for part in as_tuple(value)):
            raise NetworkError(f"{name} must be from 1 to 1,000,000, got {value}")


def require_padding(padding: Padding, most: Pair, rule: str) -> None:
    """Raise a `NetworkError` if padding is negative or above `most`; `rule` says in words what is expected."""
    if isinstance(padding, str):
        return
    pads = as_pair(padding)
    if not all(0 <= pad <= _MOST_PADDING for pad in pads):
        raise NetworkError(f"padding must be at least 0, 'same' or 'valid', got {padding}")
    if any(pad > limit for pad, limit in zip(pads, most, strict=True)):
        raise NetworkError(f"padding must be {rule}, here at most {most[0]} x {most[1]}, got {padding}")
