"""The arithmetic of a window that slides over a picture, shared by convolutions and pools.

L = floor((W - F + P) / S) + 1, with P the padding of both sides together. `padding="same"` means what it means in
TensorFlow: the result is W / S, rounded up, and an odd row or column of padding goes to the bottom and the right.
"""

from typing import Literal, NamedTuple, TypeAlias

from eyebright.network.layer import Layer, Shape
from eyebright.system.errors import NetworkError

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = int | tuple[int, int] | Literal["same", "valid"]
_MOST_PADDING = 65_536


class Window(NamedTuple):
    """A window in its place; pairs are (vertical, horizontal).

    Args:
        kernel: Its size, spread by dilation.
        stride: How far it moves.
        before: Padding at the top and at the left.
        after: Padding at the bottom and at the right.
        beyond: How far the last window hangs out below and to the right of the padding, in `ceil_mode`.
        counts: How many places it has: height and width of the result.
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
    """The window over an input of shape (C, H, W); a `NetworkError` where it does not fit once."""
    _, *sizes = picture_shape(shape)
    kernel = extent(kernel_size, dilation)
    pads = (padding, padding) if isinstance(padding, str) else as_pair(padding)
    axes = [_along(*lengths, ceil_mode=ceil_mode) for lengths in zip(sizes, kernel, as_pair(stride), pads, strict=True)]
    if any(axis.places < 1 for axis in axes):
        padded = " x ".join(str(size + axis.before + axis.after) for size, axis in zip(sizes, axes, strict=True))
        raise NetworkError(
            f"its kernel of {kernel[0]} x {kernel[1]} is larger than its input of {padded} (padding included); "
            "use larger pictures, a smaller kernel, or fewer layers that shrink"
        )
    before, after, beyond, counts = zip(*axes, strict=True)
    return Window(kernel, as_pair(stride), before, after, beyond, counts)


class _Axis(NamedTuple):
    before: int
    after: int
    beyond: int
    places: int


def _along(size: int, field: int, step: int, padding: int | str, *, ceil_mode: bool) -> _Axis:
    """The window along one side of the picture."""
    before = after = padding if isinstance(padding, int) else 0
    if padding == "same":
        total = max((-(-size // step) - 1) * step + field - size, 0)
        before, after = total // 2, total - total // 2
    room = size + before + after - field
    places = (-(-room // step) if ceil_mode else room // step) + 1
    if ceil_mode and (places - 1) * step >= size + before:  # the last window must start on the picture, as in PyTorch
        places -= 1
    return _Axis(before, after, max((places - 1) * step - room, 0), places)


def extent(kernel_size: Size, dilation: Size) -> Pair:
    """How many pixels a kernel spans, spread by dilation."""
    sizes = zip(as_pair(kernel_size), as_pair(dilation), strict=True)
    vertical, horizontal = (spread * (length - 1) + 1 for length, spread in sizes)
    return vertical, horizontal


def as_pair(size: Size) -> Pair:
    """(vertical, horizontal) of a size that may be given as one number."""
    return (size, size) if isinstance(size, int) else size


def as_tuple(value: float | tuple[float, ...]) -> tuple[float, ...]:
    """The values of a setting that may be given as one number."""
    return value if isinstance(value, tuple) else (value,)


def picture_shape(shape: Shape) -> tuple[int, int, int]:
    """The shape as (C, H, W); a `NetworkError` where it is no picture's."""
    if len(shape) != 3:
        raise NetworkError(f"expected pictures (channels, height, width), got {shape}")
    return shape[0], shape[1], shape[2]


def require_positive(layer: Layer, *names: str) -> None:
    """Refuse settings of a layer that are given and not above 0."""
    for name in names:
        value = getattr(layer, name)
        if value is not None and not all(0 < part <= 1_000_000 for part in as_tuple(value)):
            raise NetworkError(f"{name} must be above 0 (and at most a million), got {value}")


def require_padding(padding: Padding, most: Pair, reason: str) -> None:
    """Refuse padding below 0, or above the most along an axis for the reason given."""
    if isinstance(padding, str):
        return
    pads = as_pair(padding)
    if not all(0 <= pad <= _MOST_PADDING for pad in pads):
        raise NetworkError(f"padding must be 0 or more, 'same' or 'valid', got {padding}")
    if any(pad > limit for pad, limit in zip(pads, most, strict=True)):
        raise NetworkError(f"padding {padding} is {reason}: at most {most[0]} x {most[1]} here")
