"""The findings of an audit as plain text that fits 80 columns."""

import textwrap
from collections.abc import Iterator

from eyebright.audit import KINDS, Audit, Kind
from eyebright.report.tables import counted, fit

EXPLAINED: dict[str, str] = {
    "unreadable": "left out of every training, never changed",
    "exact copies": "the same pixels in several files",
    "near copies": "re-encoded, resized, turned, mirrored or cropped",
    "copies with different labels": "one of the labels must be wrong",
    "leaking between given splits": "the test would ask what was learned",
    "odd size": "proportions or area unlike the others'",
    "nearly empty": "almost one colour",
    "very dark": "hardly anything to see",
    "very bright": "hardly anything to see",
    "blurred": "far less sharp than the others",
    "cropped by preparation": "cropping takes much away",
    "probably mislabelled": "a plain classifier would call it otherwise",
    "unlike the rest": "resembles no other picture",
}
_SHOWN = 3


def audit_text(audit: Audit, leak: float | None) -> str:
    """A line for each kind that was found, with the first few pictures, and what a naive split would have leaked."""
    sizes = sorted(audit.classes.values())
    lines = [
        f"{audit.pictures:,} pictures in {len(audit.classes)} classes of {sizes[0]:,} to {sizes[-1]:,}.",
        *textwrap.wrap(leak_text(leak), 80),
    ]
    for kind in KINDS:
        found = audit.of(kind)
        if found:
            lines += ["", f"{kind}: {_count(audit, kind)}; {EXPLAINED[kind]}", *_examples(audit, kind)]
    lines += [] if audit.findings else ["Nothing stands out."]
    for note in audit.notes:
        lines += ["", *textwrap.wrap(note, 80)]
    return "\n".join([*lines, ""])


def leak_text(leak: float | None) -> str:
    """What a split that knows nothing of copies and groups would have done."""
    if leak is None:
        return "The split is the one that is given."
    if not leak:
        return "No picture has its like elsewhere: any split by classes is sound."
    return (
        f"A random split would have had the like of {leak:.0%} of its test pictures in training; copies and pictures "
        "of one burst are kept on one side."
    )


def _count(audit: Audit, kind: Kind) -> str:
    found = audit.of(kind)
    pictures = counted(sum(len(finding.pictures) for finding in found), "picture")
    return f"{pictures} in {counted(len(found), 'set')}" if any(len(f.pictures) > 1 for f in found) else pictures


def _examples(audit: Audit, kind: Kind) -> Iterator[str]:
    found = audit.of(kind)
    for finding in found[:_SHOWN]:
        names = ", ".join(finding.pictures)
        yield f"  {fit(names, 76)}"
        yield f"    {fit(finding.sentence, 74)}"
    if len(found) > _SHOWN:
        yield f"  and {len(found) - _SHOWN:,} more"
