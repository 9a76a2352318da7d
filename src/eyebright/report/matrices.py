"""Small matrices written as text: numbers or letters, rows parted by ";", channels by "|", filters by "/"."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.errors import SettingsError

Tokens: TypeAlias = NDArray[np.str_]


def matrix(text: str, *, what: str) -> Tokens:
    """A matrix from text, `(channels, rows, columns)`.

    Args:
        text: As in "1 2 3; 4 5 6", with channels parted by |.
        what: What it is, for the message: "--values".

    Raises:
        SettingsError: When it is empty, or its rows or channels are not of one size; the message says which.
    """
    channels = [
        [row.replace(",", " ").split() for row in channel.strip().strip(";").split(";")] for channel in text.split("|")
    ]
    for number, channel in enumerate(channels, start=1):
        place = f" of channel {number}" if len(channels) > 1 else ""
        for index, row in enumerate(channel, start=1):
            if not row:
                raise SettingsError(f"{what} is empty in row {index}{place}: give rows such as '1 2 3; 4 5 6'")
            if len(row) != len(channel[0]):
                raise SettingsError(
                    f"{what} has {len(row)} values in row {index}{place}, but {len(channel[0])} in its first row"
                )
    sizes = [f"{len(channel)} x {len(channel[0])}" for channel in channels]
    if len(set(sizes)) > 1:
        raise SettingsError(f"{what} has channels of different sizes: {', '.join(sizes)}")
    return np.array(channels)


def filters(text: str, *, what: str = "--weights") -> Tokens:
    """Filters from text, `(filters, channels, rows, columns)`; errors as in `matrix`."""
    found = [matrix(part, what=what) for part in text.split("/")]
    sizes = [" x ".join(map(str, (*one.shape[1:], one.shape[0]))) for one in found]
    if len(set(sizes)) > 1:
        raise SettingsError(f"{what} has filters of different sizes: {', '.join(sizes)}")
    return np.stack(found)
