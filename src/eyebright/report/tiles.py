"""Small pictures side by side on a large one."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ENLARGED_PX = 48  # least side of a tile


class Tiles(NamedTuple):
    """Small pictures on one large one.

    Args:
        picture: All of them, `(H, W, ...)` float32.
        corners: Left and top of each.
        side: Their height and width.
    """

    picture: NDArray[Any]
    corners: list[tuple[int, int]]
    side: tuple[int, int]


def side_by_side(tiles: NDArray[Any], columns: int, *, gap: float, fill: float) -> Tiles:
    """Tiles `(n, h, w, ...)` in rows of so many, enlarged where they are small; the gap is a share of their width."""
    enlarged = max(-(-_ENLARGED_PX // max(tiles.shape[1:3])), 1)
    tiles = tiles.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    height, width = tiles.shape[1:3]
    space = max(round(gap * width), 1)
    rows = -(-len(tiles) // columns)
    area = (rows * (height + space) + space, columns * (width + space) + space)
    picture = np.full((*area, *tiles.shape[3:]), fill, np.float32)
    corners = []
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = space + column * (width + space), space + row * (height + space)
        picture[top : top + height, left : left + width] = tile
        corners.append((left, top))
    return Tiles(picture, corners, (height, width))


def columns_of(count: int, *, most: int) -> int:
    """As many as make a square, or a row where there are few."""
    return count if count <= 3 else min(int(np.ceil(np.sqrt(count))), most)
