"""Numbers drawn for each picture from (seed, epoch, content) alone: not from a generator, whose state would matter."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def uniforms(
    keys: NDArray[np.uint64], seed: int, epoch: int, count: int, *, what: str = "augment"
) -> NDArray[np.float64]:
    """Numbers from 0 to 1, `(N, count)`, that depend on (what, seed, epoch, key, column) alone.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
    Generators", figure 16), here applied to keys instead of a running state.
    """
    digest = hashlib.blake2b(f"{what} {seed} {epoch}".encode(), digest_size=8).digest()
    start = keys ^ np.uint64(int.from_bytes(digest, "little"))
    columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = _mix(start)[:, None] + columns[None, :]
    return (_mix(values) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
