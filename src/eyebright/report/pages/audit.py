"""The findings of an audit as one HTML file that holds its images and needs no other file."""

from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.findings import FINDING_KINDS, Audit, Finding, FindingKind
from eyebright.data.corrections import Correction
from eyebright.report.pages.page import Album, Embedded, render
from eyebright.report.pages.review import SCRIPTS, Review
from eyebright.report.sentences import leak_text

Opened: TypeAlias = Callable[[str], NDArray[np.uint8] | None]
"""Gives an image by its name, `(H, W, 3)`, uint8; None where it cannot be opened."""
MAX_FINDINGS, MAX_TOGETHER = 60, 12  # of a kind; images of a finding
_SIDE_PX = 128


class _Tile(NamedTuple):
    """An image of a finding, with the class that any finding suggests for it; no image where it cannot be opened."""

    name: str
    label: str
    digest: str
    suggested: str
    image: Embedded | None


class _Shown(NamedTuple):
    """A finding, and how many more images it has."""

    sentence: str
    tiles: list[_Tile]
    more: int


class _Section(NamedTuple):
    """The findings of a kind: how many there are, and those that are shown."""

    name: str
    anchor: str
    meaning: str
    found: int
    shown: list[_Shown]


def audit_page(
    audit: Audit,
    leak: float | None,
    opened: Opened,
    *,
    digest_of: Callable[[str], str],
    decided: Iterable[Correction] = (),
    saves: bool = False,
) -> str:
    """The page: a section for each kind, with at most 60 findings. It asks for decisions about their images.

    Args:
        audit: The findings.
        leak: As for `leak_text`.
        opened: Gives the images.
        digest_of: Gives the digest of an image's pixels by its name, in hexadecimal.
        decided: What was decided before.
        saves: Whether the page is served by `eyebright audit --review`.
    """
    album = Album()
    suggested = {finding.pictures[0]: finding.suggested for finding in audit.findings if finding.suggested}

    def tile(name: str, label: str) -> _Tile:
        pixels = opened(name)
        image = None if pixels is None else album.add(name, pixels, _SIDE_PX)
        return _Tile(name, label, digest_of(name), suggested.get(name, ""), image)

    kinds = [_section(kind, audit.of(kind), tile) for kind in FINDING_KINDS if audit.of(kind)]
    return render(
        "audit.html", scripts=SCRIPTS, connects=saves, name=PurePath(audit.origin).name or "images", audit=audit,
        leak=leak_text(leak), kinds=kinds, album=album,
        review=Review.of(audit, audit.origin, audit.classes, decided, saves=saves),
    )  # fmt: skip


def _section(kind: FindingKind, found: tuple[Finding, ...], tile: Callable[[str, str], _Tile]) -> _Section:
    shown = [_shown(finding, tile) for finding in found[:MAX_FINDINGS]]
    return _Section(kind, kind.replace(" ", "-"), FINDING_KINDS[kind], len(found), shown)


def _shown(finding: Finding, tile: Callable[[str, str], _Tile]) -> _Shown:
    tiles = [tile(*each) for each in zip(finding.pictures[:MAX_TOGETHER], finding.classes, strict=False)]
    return _Shown(finding.sentence, tiles, len(finding.pictures) - len(tiles))
