"""Near-duplicates by registration: one shot in other crops, sizes, proportions, light and colours.

One image is laid over the other: shifted and scaled, separately across and down, until their greys agree best. What
counts then is the correlation where they overlap, which light and contrast do not change, and that of their detail.

Frames of a film and shirts on white agree as well once they are registered. So a pair only counts if it agrees far
better than either image does with most of its neighbours.

Source: Baker and Matthews 2004, "Lucas-Kanade 20 Years On", the inverse compositional algorithm.
"""

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.neighbours import ThumbnailArray, blocks, nearest, neighbour_pairs, principal
from eyebright.data.audit.similarity import (
    LEAST_CONTRAST,
    flat,
    grey_of,
    halved,
    orientations,
    standard,
    without_orientation,
)
from eyebright.system.progress import ReportShare, part_of, quiet_share

Floats = NDArray[np.float32]

WHOLE, DETAIL = 0.93, 0.85  # least correlation of two registered near-duplicates, and of their detail
CROWD, CROWD_PLACE = 0.35, 5  # most difference (1 - correlation), over that of the fifth best neighbour of either
_NEIGHBOURS = 12
_DIMENSIONS = 24
_ALIKE = 0.6  # least correlation at 8 x 8, without colour and light, of images that are registered
_PROMISING = 0.85  # the same at 16 x 16 once registered: with less, they are not registered at 32 x 32
_LARGEST = 0.35  # shift, over the side, and change of scale that are looked for
_LEAST_OVERLAP = 0.5  # of the area
_COARSE_STEPS, _FINE_STEPS = 8, 4
_DAMPING = 0.02  # of the diagonal of the normal equations
_FINER = np.array([1, 2, 1, 2], np.float32)  # a shift at half size, at full size
_BLOCK = 1_024


def find_shots(thumbnails: ThumbnailArray, report: ReportShare = quiet_share) -> tuple[NDArray[np.int64], Floats]:
    """Find pairs of images of one shot: positions, the smaller first, sorted, `(P, 2)`, and correlations, `(P,)`.

    Args:
        thumbnails: `(N, 32, 32, 3)`, uint8, of different contents.
        report: Called with the share of the work that is done.
    """
    count = len(thumbnails)
    small = np.concatenate(
        [np.empty((0, 8, 8, 3), np.float16), *(_small(thumbnails[b]) for b in blocks(count, _BLOCK))]
    )
    described = principal(lambda where: without_orientation(small[where].astype(np.float32)), count, _DIMENSIONS)
    pairs = neighbour_pairs(nearest(described, _NEIGHBOURS, part_of(report, 0, 0.3))[1], mutual=False)
    whole, detail = np.zeros(len(pairs), np.float32), np.zeros(len(pairs), np.float32)
    for block in blocks(len(pairs), _BLOCK):
        one, other = (small[pairs[block, side]].astype(np.float32) for side in (0, 1))
        target = standard(flat(one))
        alike = np.stack([np.einsum("nd,nd->n", standard(flat(turned)), target) for turned in orientations(other)])
        whole[block] = alike.max(axis=0)
        near = np.flatnonzero(whole[block] >= _ALIKE)
        ones, others = (thumbnails[pairs[block[near], side]].astype(np.float32) for side in (0, 1))
        best, turned = alike[:, near].argmax(axis=0), np.empty_like(others)
        for number, every in enumerate(orientations(others)):
            turned[best == number] = every[best == number]
        whole[block[near]], detail[block[near]] = register(ones, turned)
        report(0.3 + 0.7 * (block[-1] + 1) / len(pairs))
    distinct = 1 - whole <= CROWD * _crowds(pairs, 1 - whole, count)[pairs].min(axis=1)
    found = (whole >= WHOLE) & (detail >= DETAIL) & distinct
    return pairs[found], whole[found]


def _small(images: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Images at 8 x 8, each channel without its mean and contrast, `(n, 8, 8, 3)`; 0 where an image shows nothing."""
    small = halved(halved(images.astype(np.float32)))
    spread = small.std(axis=(1, 2), keepdims=True) + 6  # a channel of one level, of 255, does not become noise
    shown = (flat(images).std(axis=1) >= LEAST_CONTRAST)[:, None, None, None]
    return np.asarray((small - small.mean(axis=(1, 2), keepdims=True)) / spread * shown, np.float16)


def _crowds(pairs: NDArray[np.int64], differences: Floats, count: int) -> Floats:
    """The difference between each image and its fifth best neighbour, `(N,)`."""
    ends, both = pairs.T.reshape(-1), np.tile(differences, 2)
    order = np.lexsort((both, ends))
    starts = np.searchsorted(ends[order], np.arange(count))
    sizes = np.bincount(ends, minlength=count)
    places = np.minimum(starts + np.clip(sizes, 1, CROWD_PLACE) - 1, max(len(order) - 1, 0))
    return both[order][places] if len(order) else np.ones(count, np.float32)


def register(ones: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Correlation of the greys of each pair, and of their detail, where they overlap, both `(P,)`.

    The detail of a pair that does not agree without it is not compared, and counts as 0.

    Args:
        ones: Thumbnails `(P, 32, 32, 3)`.
        others: The same in the orientation that fits the first.
    """
    detail = np.zeros(len(ones), np.float32)
    fine = grey_of(ones), grey_of(others)
    coarse = [_blurred(halved(grey[..., None])[..., 0]) for grey in fine]
    unmoved = np.zeros((len(ones), 4), np.float32)
    places = _registered(coarse[0], coarse[1], unmoved, _COARSE_STEPS)
    moved, before = (_correlation(coarse[0], *_laid(coarse[1], at)) for at in (places, unmoved))
    whole, places = np.maximum(moved, before), np.where((moved > before)[:, None], places, unmoved)
    near = np.flatnonzero(whole >= _PROMISING)
    one, other = (grey[near] for grey in fine)
    places = _registered(_blurred(one), _blurred(other), places[near] * _FINER, _FINE_STEPS)
    laid, inside = _laid(other, places)
    enough = inside.mean(axis=(1, 2)) >= _LEAST_OVERLAP
    whole[near] = np.where(enough, _correlation(one, laid, inside), before[near])
    detail[near] = np.where(enough, _correlation(_detail(one), _laid(_detail(other), places)[0], inside), 0)
    return whole, detail


def _registered(ones: Floats, others: Floats, places: Floats, steps: int) -> Floats:
    """Where the second images lie best on the first: (scale - 1, shift) across and down, `(P, 4)`.

    Args:
        ones: `(P, S, S)`.
        others: `(P, S, S)`.
        places: Where to begin, `(P, 4)`.
        steps: Number of Gauss-Newton steps.
    """
    side = ones.shape[1]
    at = np.arange(side, dtype=np.float32) - (side - 1) / 2
    down, across = np.gradient(ones, axis=(1, 2))
    slopes = np.stack([across * at, across, down * at[:, None], down], axis=-1).reshape(len(ones), side**2, 4)
    for _ in range(steps):
        laid, inside = _laid(others, places)
        one, other = _centred(ones, inside), _centred(laid, inside)
        gain = np.einsum("nij,nij->n", one, other) / (np.einsum("nij,nij->n", other, other) + 1)
        error = (np.clip(gain, 0.2, 5)[:, None, None] * other - one).reshape(len(ones), side**2, 1)
        weighted = slopes * inside.reshape(len(ones), side**2, 1)
        normal = weighted.transpose(0, 2, 1) @ slopes
        normal += np.eye(4, dtype=np.float32) * (_DAMPING * normal + 1)
        step = np.linalg.solve(normal, weighted.transpose(0, 2, 1) @ error)[..., 0]
        places = _composed(places, step.astype(np.float32), side)
    return places


def _composed(places: Floats, step: Floats, side: int) -> Floats:
    """The places after the inverse of a step."""
    scale, shift = 1 + places[:, ::2], places[:, 1::2]
    smaller = np.clip(1 + step[:, ::2], 0.8, 1.25)
    moved = shift - scale * np.clip(step[:, 1::2], -2, 2) / smaller
    found = np.stack([scale / smaller - 1, moved], axis=-1)
    bounds = _LARGEST * np.array([1, side], np.float32)
    return np.asarray(np.clip(found, -bounds, bounds).reshape(len(places), 4), np.float32)


def _laid(images: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Images `(P, S, S)` scaled and shifted, and 1 where they are, 0 beyond their edges, both `(P, S, S)`."""
    side = images.shape[1]
    at = np.arange(side, dtype=np.float32)
    matrices, within = [], []
    for scale, shift in (places[:, 2:].T, places[:, :2].T):  # down, across
        sources = (at - (side - 1) / 2) * (1 + scale[:, None]) + shift[:, None] + (side - 1) / 2
        kept = np.clip(sources, 0, side - 1)
        matrices.append(np.maximum(1 - np.abs(kept[:, :, None] - at), 0))  # linear interpolation
        within.append(np.abs(sources - kept) <= 0.5)
    inside = within[0][:, :, None] & within[1][:, None, :]
    return np.asarray(matrices[0] @ images @ matrices[1].transpose(0, 2, 1)), inside.astype(np.float32)


def _correlation(ones: Floats, others: Floats, inside: Floats) -> Floats:
    one, other = _centred(ones, inside), _centred(others, inside)
    lengths = np.sqrt(np.einsum("nij,nij->n", one, one) * np.einsum("nij,nij->n", other, other))
    return np.asarray(np.einsum("nij,nij->n", one, other) / (lengths + 1e-3))


def _centred(images: Floats, inside: Floats) -> Floats:
    mean = (images * inside).sum(axis=(1, 2)) / (inside.sum(axis=(1, 2)) + 1e-6)
    return np.asarray((images - mean[:, None, None]) * inside)


def _blurred(images: Floats) -> Floats:
    """Weighted means of 3 x 3 pixels."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16)


def _detail(images: Floats) -> Floats:
    """Without shapes of more than a few pixels, and without noise."""
    return _blurred(images - _blurred(_blurred(_blurred(images))))
