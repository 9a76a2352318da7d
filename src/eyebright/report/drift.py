"""What has drifted, as text of at most 80 columns: the verdict, what differs in words, all measures, what to do."""

import textwrap

from rich.text import Text

from eyebright.report.screen import HEADING, HEADLINE
from eyebright.system.text import counted, printable, shorten
from eyebright.trust.drift import Drift

_WIDTH, _NAME_WIDTH = 80, 60
_SHOWN = 5


def drift_text(drift: Drift) -> Text:
    """The verdict first, then the reasons, the figures of all measures, and the next step."""
    text = Text("".join(f"{line}\n" for line in _counts(drift)))
    table = drift.as_table()
    text.append(f"{table.title}\n", HEADLINE)
    for alarm in drift.alarms:
        text.append(_filled(f"- {alarm.sentence} (effect {alarm.size})."))
    if drift.trifles:
        names = ", ".join(each.name for each in drift.trifles)
        text.append(_filled(f"Too small to matter, though more than chance: {names}."))
    for note in table.notes:
        text.append(_filled(note))
    if table.rows:
        heading, *lines = table.lines()
        text.append(f"\n{heading}\n", HEADING).append("\n".join([*lines, ""]))
    if drift.unfamiliar:
        text.append("\nmost unlike the training images (no answer above 1)\n", HEADING)
        for each in drift.unfamiliar[:_SHOWN]:
            text.append(f"  {each.unfamiliarity:6.2f}  {shorten(printable(each.name), _NAME_WIDTH)}\n")
    if drift.next_step:
        text.append("\n").append(_filled(drift.next_step), HEADLINE)
    text.rstrip()
    return text


def _counts(drift: Drift) -> list[str]:
    """What was compared with what, and what was left out."""
    compared = counted(drift.pictures, "new image")
    if drift.found > drift.pictures + drift.seen + drift.left_out:
        compared = f"A sample of {drift.pictures:,} of {drift.found:,} images"
    left_out = [
        (drift.seen, "the model was trained on them or selected by them"),
        (drift.left_out, "cannot be opened"),
    ]
    return [
        *(f"{counted(count, 'image')} left out: {reason}." for count, reason in left_out if count),
        f"{compared} compared with {counted(drift.reference, 'validation image')} of the training.",
    ]


def _filled(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(printable(text), _WIDTH, subsequent_indent=indent) + "\n"
