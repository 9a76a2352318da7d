"""Whether the pictures that a run returns to are still those it began with, as its split.csv lists them.

Pictures that vanished, or can no longer be opened, are left out from then on, also where they come back. The order of
the others is drawn from their contents, as ever. Anything new is refused: it would be on no side, or on a wrong one.
"""

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eyebright.datasets import SIDES, Dataset, Pack
from eyebright.errors import DataError
from eyebright.files import printable
from eyebright.training.events import AnyEvent, PicturesGone

VANISHED = "vanished since the run began"
_SHOWN = 5


class Listed(NamedTuple):
    """A picture as a run began with it; the digest is empty where it could not be opened even then."""

    label: str
    side: str
    digest: bytes


def listed(path: Path) -> dict[str, Listed]:
    """The pictures in a run's split.csv, by their names.

    Raises:
        DataError: When it cannot be read, or is not what a run writes.
    """
    try:
        text = path.read_text("utf-8", errors="surrogateescape")
    except OSError as problem:
        raise DataError(
            f"{path} cannot be read ({problem.strerror}): without it nobody knows which picture was on which side; "
            "put it back, or start a new run"
        ) from problem
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return {row["name"]: Listed(row["class"], row["split"], bytes.fromhex(row["digest"])) for row in rows}
    except (KeyError, TypeError, ValueError) as problem:
        raise DataError(f"{path}, line {rows.line_num}, is damaged: put it back, or start a new run") from problem


def told_gone(events: Iterable[AnyEvent]) -> set[str]:
    """Pictures that an earlier resumption found gone, as `files.printable` shows their names."""
    return {name for event in events if isinstance(event, PicturesGone) for name in event.names}


def require_known(before: dict[str, Listed], dataset: Dataset, run: Path) -> None:
    """Refuse new pictures and other classes, before anything is decoded.

    Raises:
        DataError: With what differs, and what can be done.
    """
    labels = dict(zip(dataset.source.names, [dataset.classes[label] for label in dataset.labels], strict=True))
    was, now = {row.label for row in before.values()}, set(dataset.classes)
    if was != now:
        found = [
            f"{what} {', '.join(sorted(names))}" for what, names in (("new:", now - was), ("gone:", was - now)) if names
        ]
        raise DataError(
            f"the classes in {dataset.origin} are no longer those of {run} ({'; '.join(found)}). {_ways(run)}"
        )
    added = [name for name in labels if name not in before]
    if added:
        raise DataError(f"{_some(added)} in {dataset.origin} came since {run} began. {_ways(run)}")
    moved = [name for name, label in labels.items() if before[name].label != label]
    if moved:
        raise DataError(f"{_some(moved)} in {dataset.origin} changed class since {run} began. {_ways(run)}")


def newly_gone(
    before: dict[str, Listed], known: Collection[str], dataset: Dataset, pack: Pack, run: Path
) -> list[tuple[str, str]]:
    """Pictures that the run began with and must now do without: name and reason.

    Args:
        before: The pictures at the beginning.
        known: What was told to be gone before.
        dataset: The pictures that are there.
        pack: The same, prepared.
        run: The run's folder.

    Raises:
        DataError: When a picture has become another one, or too few are left.
    """
    digests = dict(zip(dataset.source.names, pack.digests, strict=True))
    changed = [name for name, digest in digests.items() if digest and before[name].digest not in (b"", digest)]
    if changed:
        raise DataError(f"{_some(changed)} in {dataset.origin} show something else than when {run} began. {_ways(run)}")
    reasons = dict(pack.left_out)
    gone = [
        (name, reasons.get(name, VANISHED))
        for name, row in before.items()
        if row.side and not digests.get(name) and printable(name) not in known
    ]
    sides = dataset.split(pack)
    for number, side in enumerate(SIDES):
        if not np.any(sides == number):
            raise DataError(f"no picture for {side} is left in {dataset.origin}: put them back, or start a new run")
    return gone


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names):,} picture(s) ({', '.join(printable(name) for name in names[:_SHOWN])}{more})"


def _ways(run: Path) -> str:
    return (
        "Put back what was there to go on with this run; or start a new one from its model, which may have new "
        f"pictures and other classes: eyebright train PICTURES --from {run} -o NEW; or one that begins at random"
    )
