"""Look a set of pictures over: everything that is found, kind by kind."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit import measures as measuring
from eyebright.data.audit.duplicates import Copies, Pairs, chains, clusters, copies, exact_copies
from eyebright.data.audit.findings import Audit, Finding, Kind
from eyebright.data.audit.labels import doubts
from eyebright.data.audit.neighbours import blocks
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation
from eyebright.data.split import SIDES
from eyebright.model.features import Features
from eyebright.system.errors import DataError, MissingExtraError
from eyebright.system.text import printable

_BLOCK = 8_192


def look_over(
    dataset: Dataset, pack: Pack, preparation: Preparation | None = None, *, features: Features | None = None
) -> Audit:
    """The findings about a set of pictures.

    Args:
        dataset: The pictures.
        pack: Any pack of them: prints are the same in all.
        preparation: What is asked whether it crops much away; the pack's own by default.
        features: By which labels are judged; without them that is left out.
    """
    usable = np.flatnonzero(pack.rows >= 0)
    same = copies(pack.thumbnails(usable), pack.digests.at(usable))
    findings = [*_unreadable(dataset, pack), *_copies(dataset, pack, usable, same)]
    parts = [measuring.measure(pack.prints(usable[block])) for block in blocks(len(usable), _BLOCK)]
    if parts:
        measures = measuring.Measures(*map(np.concatenate, zip(*parts, strict=True)))
        findings += _single(dataset, usable, measures, preparation or pack.preparation)
    doubted, notes = _doubts(dataset, usable[same.pairs], features)
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    return Audit(
        origin=printable(str(dataset.origin or "")),
        pictures=len(dataset),
        classes={printable(name): count for name, count in zip(dataset.classes, counts, strict=True)},
        findings=(*findings, *doubted),
        notes=tuple(notes),
    )


def _finding(dataset: Dataset, kind: Kind, positions: Sequence[int], figure: float, sentence: str) -> Finding:
    return Finding(
        kind=kind,
        pictures=tuple(printable(dataset.source.names[index]) for index in positions),
        classes=tuple(printable(dataset.classes[dataset.labels[index]]) for index in positions),
        figure=round(float(figure), 4),
        sentence=sentence,
    )


def _doubts(dataset: Dataset, same: NDArray[np.int64], features: Features | None) -> tuple[list[Finding], list[str]]:
    """What features make one doubt, and what could not be judged; copies `(P, 2)` do not vouch for each other."""
    if features is None:
        return [], []
    judged = np.flatnonzero(features.rows >= 0)
    grouped = [] if dataset.groups is None else [chains(dataset.groups)]
    sets = clusters(len(dataset), np.concatenate([same, *grouped]))
    try:
        found = doubts(features.read(judged), dataset.labels[judged], sets[judged])
    except (DataError, MissingExtraError) as problem:
        return [], [f"Labels were not judged: {problem}."]
    return [
        _finding(
            dataset, doubt.kind, [int(judged[doubt.picture])], doubt.figure,
            doubt.sentence.format(printable(dataset.classes[doubt.suggested])),
        )
        for doubt in found
    ], []  # fmt: skip


def _unreadable(dataset: Dataset, pack: Pack) -> Iterator[Finding]:
    reasons = dict(pack.left_out)
    for index in np.flatnonzero(pack.rows < 0).tolist():
        reason = printable(reasons[dataset.source.names[index]])
        yield _finding(dataset, "unreadable", [index], 0, f"cannot be opened: {reason}")


def _copies(dataset: Dataset, pack: Pack, usable: NDArray[np.int64], found: Copies) -> Iterator[Finding]:
    """Exact and near copies, and the sets of both that have several labels, or are on several given sides."""
    near = found.near
    for same in exact_copies(pack.digests):
        yield _finding(dataset, "exact copies", same.tolist(), len(same), f"{len(same)} of one content")
    for positions, least in _sets(len(dataset), usable[near.pairs], near):
        sentence = f"{len(positions)} that show the same, {least:.1%} alike"
        yield _finding(dataset, "near copies", positions, least, sentence)
    pairs = usable[found.pairs]
    for positions, _ in _sets(len(dataset), pairs, Pairs(pairs, np.ones(len(pairs), np.float32))):
        labels = {dataset.classes[dataset.labels[index]] for index in positions}
        if len(labels) > 1:
            sentence = f"copies are labelled {', '.join(printable(label) for label in sorted(labels))}"
            yield _finding(dataset, "copies with different labels", positions, len(labels), sentence)
        sides = set() if dataset.sides is None else {int(side) for side in dataset.sides[positions]}
        if len(sides) > 1:
            sentence = f"copies are in {', '.join(SIDES[side] for side in sorted(sides))}"
            yield _finding(dataset, "leaking between given splits", positions, len(sides), sentence)


def _sets(count: int, pairs: NDArray[np.int64], likeness: Pairs) -> Iterator[tuple[list[int], float]]:
    """Sets of pictures that pairs connect, in order, each with the likeness of its least alike pair."""
    of = clusters(count, pairs)
    least: dict[int, float] = {}
    for number, alike in zip(of[pairs[:, 0]].tolist(), likeness.likeness.tolist(), strict=True):
        least[number] = min(alike, least.get(number, 1.0))
    members: dict[int, list[int]] = {number: [] for number in least}
    for index in np.flatnonzero(np.isin(of, list(least))).tolist():
        members[int(of[index])].append(index)
    for number in sorted(members, key=lambda number: members[number]):
        yield members[number], least[number]


def _single(
    dataset: Dataset, usable: NDArray[np.int64], measures: measuring.Measures, preparation: Preparation
) -> Iterator[Finding]:
    lost = measuring.lost(measures, preparation)
    size = measures.width * measures.height
    checks: list[tuple[Kind, NDArray[np.int64], NDArray[np.float64], str]] = [
        ("odd size", measuring.odd(measures), size, "{width:.0f} x {height:.0f} pixels, unlike the others"),
        ("nearly empty", measuring.empty(measures), measures.one_colour, "{figure:.0%} of it is of one colour"),
        ("very dark", measuring.dark(measures), measures.highlights, "brightest places {figure:.0%}"),
        ("very bright", measuring.bright(measures), measures.shadows, "darkest places {figure:.0%}"),
        ("blurred", measuring.blurred(measures), measures.sharpness / (np.median(measures.sharpness) or 1)
         if len(usable) else size, "{figure:.0%} as sharp as the middle one"),
        ("cropped by preparation", np.flatnonzero(lost > measuring.LOST), lost, "loses {figure:.0%} of its area"),
    ]  # fmt: skip
    for kind, where, figures, sentence in checks:
        for index in where.tolist():
            figure, width, height = figures[index], measures.width[index], measures.height[index]
            text = sentence.format(figure=figure, width=width, height=height)
            yield _finding(dataset, kind, [int(usable[index])], figure, text)
