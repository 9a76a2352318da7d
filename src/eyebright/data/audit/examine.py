"""Examine a data set: run all checks and collect their findings."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit import outliers
from eyebright.data.audit.duplicates import Duplicates, exact_duplicates, find_duplicates
from eyebright.data.audit.findings import Audit, Finding, FindingKind
from eyebright.data.audit.labels import wrong_labels
from eyebright.data.audit.neighbours import blocks
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.split import SIDES, connected
from eyebright.system.text import printable

_BLOCK = 8_192


class DescribedImages(NamedTuple):
    """Images as a pretrained network describes them.

    Args:
        positions: Positions of the images in the data set, `(n,)`.
        features: Their features, `(n, D)`.
        probabilities: Out-of-fold probabilities of the classes of the data set, `(n, K)`, as
            `eyebright.runs.audit.out_of_fold` returns them; None if the labels cannot be checked.
    """

    positions: NDArray[np.int64]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float64] | None


def examine(
    dataset: Dataset, pack: Pack, preparation: Preparation | None = None, *, described: DescribedImages | None = None
) -> Audit:
    """Find everything that may be wrong with a data set.

    Args:
        dataset: The images.
        pack: The images, prepared in any size: their prints are the same in all.
        preparation: Images are reported if this preparation crops much away; the pack's own by default.
        described: Features for finding wrong labels and outliers; without them these two checks are skipped.
    """
    usable = np.flatnonzero(pack.rows >= 0)
    findings = [*_unreadable(dataset, pack), *_duplicates(dataset, pack, usable)]
    if len(usable):
        parts = [outliers.measure(pack.prints(usable[block])) for block in blocks(len(usable), _BLOCK)]
        measures = outliers.Measures(*map(np.concatenate, zip(*parts, strict=True)))
        findings += _measured(dataset, usable, measures, preparation or pack.preparation)
    if described is not None:
        findings += [*_wrong_labels(dataset, described), *_unlike_all_others(dataset, described)]
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    return Audit(
        origin=printable(str(dataset.origin or "")),
        pictures=len(dataset),
        classes={printable(name): count for name, count in zip(dataset.classes, counts, strict=True)},
        findings=tuple(findings),
    )


def _finding(
    dataset: Dataset, kind: FindingKind, positions: Sequence[int], figure: float, sentence: str, suggested: str = ""
) -> Finding:
    return Finding(
        kind=kind,
        pictures=tuple(printable(dataset.source.names[index]) for index in positions),
        classes=tuple(printable(dataset.classes[dataset.labels[index]]) for index in positions),
        figure=round(float(figure), 4),
        sentence=sentence,
        suggested=suggested,
    )


def _unreadable(dataset: Dataset, pack: Pack) -> Iterator[Finding]:
    reasons = dict(pack.left_out)
    for index in np.flatnonzero(pack.rows < 0).tolist():
        reason = printable(reasons[dataset.source.names[index]])
        yield _finding(dataset, "unreadable", [index], 0, f"cannot be opened: {reason}")


def _duplicates(dataset: Dataset, pack: Pack, usable: NDArray[np.int64]) -> Iterator[Finding]:
    """Exact and near-duplicates, then sets of both with several labels or in several of the given splits."""
    found: Duplicates = find_duplicates(pack.thumbnails(usable), pack.digests.at(usable))
    for same in exact_duplicates(pack.digests):
        yield _finding(dataset, "exact duplicates", same.tolist(), len(same), f"{len(same)} files with the same pixels")
    for positions, least in _sets(len(dataset), usable[found.near.pairs], found.near.similarity):
        yield _finding(dataset, "near-duplicates", positions, least, f"{len(positions)} images, {least:.1%} similar")
    for positions, _ in _sets(len(dataset), usable[found.pairs], np.ones(len(found.pairs), np.float32)):
        labels = sorted({dataset.classes[dataset.labels[index]] for index in positions})
        if len(labels) > 1:
            sentence = f"labelled {', '.join(map(printable, labels))}"
            yield _finding(dataset, "conflicting labels", positions, len(labels), sentence)
        sides = [] if dataset.sides is None else sorted(set(dataset.sides[positions].tolist()))
        if len(sides) > 1:
            sentence = f"in {' and '.join(SIDES[side] for side in sides)}"
            yield _finding(dataset, "leaks between splits", positions, len(sides), sentence)


def _sets(count: int, pairs: NDArray[np.int64], similarity: NDArray[np.float32]) -> Iterator[tuple[list[int], float]]:
    """Sets of images that pairs connect, in order, each with the similarity of its least similar pair."""
    of = connected(count, pairs)
    least: dict[int, float] = {}
    for number, similar in zip(of[pairs[:, 0]].tolist(), similarity.tolist(), strict=True):
        least[number] = min(similar, least.get(number, 1.0))
    members: dict[int, list[int]] = {number: [] for number in least}
    for index in np.flatnonzero(np.isin(of, list(least))).tolist():
        members[int(of[index])].append(index)
    for number in sorted(members, key=lambda number: members[number]):
        yield members[number], least[number]


def _measured(
    dataset: Dataset, usable: NDArray[np.int64], measures: outliers.Measures, preparation: Preparation
) -> Iterator[Finding]:
    """Images that stand out by one of their measures."""
    lost = outliers.cropped_share(measures, preparation)
    relative = measures.sharpness / (np.median(measures.sharpness) or 1)
    size = measures.width * measures.height
    checks: list[tuple[FindingKind, NDArray[np.int64], NDArray[np.float64], str]] = [
        ("odd size", outliers.odd(measures), size, "{width:.0f} x {height:.0f} pixels"),
        ("nearly empty", outliers.empty(measures), measures.one_colour, "{figure:.0%} of the area has one colour"),
        ("very dark", outliers.dark(measures), measures.highlights, "brightest parts at {figure:.0%} of white"),
        ("very bright", outliers.bright(measures), measures.shadows, "darkest parts at {figure:.0%} of white"),
        ("blurred", outliers.blurred(measures), relative, "{figure:.0%} of the median sharpness"),
        ("cropped by preparation", np.flatnonzero(lost > outliers.LOST), lost, "cropping removes {figure:.0%}"),
    ]  # fmt: skip
    for kind, where, figures, sentence in checks:
        for index in where.tolist():
            figure, width, height = figures[index], measures.width[index], measures.height[index]
            text = sentence.format(figure=figure, width=width, height=height)
            yield _finding(dataset, kind, [int(usable[index])], figure, text)


def _wrong_labels(dataset: Dataset, described: DescribedImages) -> Iterator[Finding]:
    if described.probabilities is None:
        return
    for wrong in wrong_labels(dataset.labels[described.positions], described.probabilities):
        suggested = printable(dataset.classes[wrong.suggested])
        sentence = f"predicted {suggested} ({wrong.probability:.0%}), its label has {wrong.label_probability:.1%}"
        position = int(described.positions[wrong.image])
        yield _finding(dataset, "probably mislabelled", [position], wrong.label_probability, sentence, suggested)


def _unlike_all_others(dataset: Dataset, described: DescribedImages) -> Iterator[Finding]:
    for outlier in outliers.outliers(described.features):
        sentence = f"{outlier.deviations:.1f} robust deviations farther from its nearest neighbours than usual"
        yield _finding(dataset, "outlier", [int(described.positions[outlier.image])], outlier.deviations, sentence)
