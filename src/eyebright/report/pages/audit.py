"""The findings of an audit as one HTML file that holds its images and needs no other file."""

from collections.abc import Callable
from pathlib import PurePath
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.audit.findings import KINDS, Audit, Finding, Kind
from eyebright.report.pages.page import Album, Embedded, render
from eyebright.report.telling import leak_text

Opened: TypeAlias = Callable[[str], NDArray[np.uint8] | None]
"""Gives an image by its name, `(H, W, 3)`, uint8; None where it cannot be opened."""
MAX_FINDINGS, MAX_TOGETHER = 60, 12  # of a kind; images of a finding
_SIDE_PX = 128


class _Tile(NamedTuple):
    """An image of a finding; no image where it cannot be opened."""

    name: str
    label: str
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


def audit_page(audit: Audit, leak: float | None, opened: Opened) -> str:
    """The page: a section for each kind, with at most 60 findings.

    Args:
        audit: The findings.
        leak: As for `leak_text`.
        opened: Gives the images.
    """
    album = Album(_SIDE_PX)
    kinds = [_section(kind, audit.of(kind), opened, album) for kind in KINDS if audit.of(kind)]
    name = PurePath(audit.origin).name or "images"
    return render("audit.html", name=name, audit=audit, leak=leak_text(leak), kinds=kinds, album=album)


def _section(kind: Kind, found: tuple[Finding, ...], opened: Opened, album: Album) -> _Section:
    shown = [_shown(finding, opened, album) for finding in found[:MAX_FINDINGS]]
    return _Section(kind, kind.replace(" ", "-"), KINDS[kind], len(found), shown)


def _shown(finding: Finding, opened: Opened, album: Album) -> _Shown:
    tiles = []
    for name, label in zip(finding.pictures[:MAX_TOGETHER], finding.classes, strict=False):
        pixels = opened(name)
        tiles.append(_Tile(name, label, None if pixels is None else album.add(name, pixels)))
    return _Shown(finding.sentence, tiles, len(finding.pictures) - len(tiles))
