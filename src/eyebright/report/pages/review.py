"""What a page needs to ask for decisions about images; templates/review.html and review.js show and collect them."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from eyebright.data.corrections import Correction
from eyebright.system import records
from eyebright.system.records import Record

SCRIPTS = ("page.js", "review.js")
"""The scripts of a page with decisions."""


class Review(NamedTuple):
    """What the template's macro `corrections` shows.

    Args:
        origin: The folder or file that the images come from.
        key: What identifies the findings: a browser remembers decisions by it.
        classes: The classes that an image may get.
        decided: What was decided before; it is part of the file that the page saves.
        saves: Whether the page is served by `eyebright audit --review`, which saves each decision.
    """

    origin: str
    key: str
    classes: tuple[str, ...]
    decided: tuple[Correction, ...] = ()
    saves: bool = False

    @classmethod
    def of(
        cls, findings: Record, origin: str, classes: Iterable[str], decided: Iterable[Correction] = (),
        *, saves: bool = False,
    ) -> "Review":  # fmt: skip
        """The review of findings, such as an audit."""
        key = hashlib.sha256(records.to_json(findings).encode()).hexdigest()[:16]
        return cls(origin, key, tuple(classes), tuple(decided), saves)
