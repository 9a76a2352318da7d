"""Results as text of at most 80 columns: evaluations, audits and the cache."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from eyebright.data.audit.findings import FINDING_KINDS, Audit, Finding
from eyebright.report.screen import HEADING, HEADLINE
from eyebright.report.sentences import absent_text, leak_text
from eyebright.system.cache import CONTENTS, Entry
from eyebright.system.table import Table
from eyebright.system.text import columns, counted, pad, printable, shorten, wrapped

if TYPE_CHECKING:
    from eyebright.trust.metrics import Evaluation
    from eyebright.trust.promise import Promised
    from eyebright.trust.robustness import Robustness

_WIDTH = 80
_CLASS_WIDTH, _ABOUT_WIDTH, _NAME_WIDTH = 24, 26, 24
_COLUMN_WIDTH = 6  # of a class name above a column of a confusion matrix
_IMAGE_WIDTH = 36  # of one of several images of a finding: two fit in a line
_MAX_EXAMPLES, _MAX_NAMES, _MAX_MISTAKES = 3, 6, 10


def evaluation_text(evaluation: "Evaluation") -> Text:
    """Accuracy, the scores of each class, and which classes are predicted as which."""
    text, names = Text(), [shorten(printable(score.name), _CLASS_WIDTH) for score in evaluation.classes]
    for count, reason in (
        (evaluation.seen, "the model was trained on them or selected by them"),
        (evaluation.left_out, "cannot be opened"),
    ):
        text.append(f"{counted(count, 'image')} left out: {reason}.\n" if count else "")
    table, width = evaluation.as_table(), max(5, *map(columns, names))
    text.append(f"{table.title}\n", HEADLINE)
    if absent := absent_text([shorten(printable(name), _CLASS_WIDTH) for name in evaluation.absent]):
        text.append(f"{textwrap.fill(absent, _WIDTH)}\n")
    text.append("\n".join([*(textwrap.fill(note, _WIDTH) for note in table.notes), "", ""]))
    rows = [(name, *cells) for name, (_, *cells) in zip(names, table.rows, strict=True)]
    heading, *lines = table._replace(rows=rows).lines()
    text.append(f"{heading}\n", HEADING).append("\n".join([*lines, ""]))
    title, *lines = _confusion(names, width, evaluation.confusion)
    if max(map(columns, lines)) > _WIDTH:
        title, *lines = _mistakes(evaluation)
    text.append(f"\n{title}\n", HEADING)
    text.append("\n".join(lines))
    if evaluation.promise is not None and (kept := evaluation.promise.as_table()) is not None:
        shown = [(shorten(printable(name), _CLASS_WIDTH), *cells) for name, *cells in kept.rows]
        text.append(f"\n\n{kept.title}", HEADLINE).append(_below(kept._replace(rows=shown)))
    return text if evaluation.robustness is None else text.append("\n\n").append(_robustness(evaluation.robustness))


def promised_text(promised: "Promised", classes: Sequence[str]) -> Text:
    """What was left out of the images that were given, what is promised, and what each class needs."""
    text = Text()
    for line in promised.given.reasons if promised.given else ():
        text.append(f"{textwrap.fill(line, _WIDTH)}\n")
    text.append(textwrap.fill(promised.text, _WIDTH), HEADLINE)
    table = promised.as_table([shorten(printable(name), _CLASS_WIDTH) for name in classes])
    return text if table is None else text.append("\n").append(_below(table))


def _below(table: Table) -> Text:
    """The header and the rows of a table, after an empty line."""
    heading, *lines = table.lines()
    return Text(f"\n{heading}\n", HEADING).append("\n".join(lines))


def _robustness(robustness: "Robustness") -> Text:
    table = robustness.as_table()
    text = Text(f"{table.title}\n", HEADLINE)
    for note in table.notes:
        text.append(f"{textwrap.fill(note, _WIDTH)}\n")
    return text.append(_below(table))


def audit_text(audit: Audit, leak: float | None) -> Text:
    """What an audit found: each kind with its first examples, and what a random split would do.

    Args:
        audit: The findings.
        leak: Share of the test images of a random split with a near-duplicate in the training set, 0 to 1; None where
            a split is given.
    """
    sizes = sorted(audit.classes.values())
    each = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
    text = Text(f"Found {counted(audit.pictures, 'image')} in {len(audit.classes)} classes of {each}.\n")
    text.append(findings_text(audit.findings))
    text.append("" if audit.findings else "\nNo problem found.\n")
    for note in audit.notes:
        text.append(f"\n{textwrap.fill(note, _WIDTH)}\n")
    return text.append(f"\n{textwrap.fill(leak_text(leak), _WIDTH)}", HEADLINE)


def findings_text(findings: Sequence[Finding]) -> Text:
    """The findings about images, kind by kind, with the first examples of each."""
    text = Text()
    for kind, about in FINDING_KINDS.items():
        if found := [finding for finding in findings if finding.kind == kind]:
            images = counted(sum(len(finding.pictures) for finding in found), "image")
            sets = f" in {counted(len(found), 'set')}" if any(len(finding.pictures) > 1 for finding in found) else ""
            examples = [(finding.pictures, finding.sentence) for finding in found]
            text.append(kind_text(f"{kind}: {images}{sets}", about, examples))
    return text


def kind_text(title: str, about: str, findings: Sequence[tuple[Sequence[str], str]]) -> Text:
    """The findings of one kind: a title, what the kind is, and the first examples.

    Args:
        title: The kind, and how many there are.
        about: What the kind is.
        findings: The images of each, and the finding in words.
    """
    text = Text("\n").append(f"{title}\n", HEADING).append(f"  {about}\n")
    for pictures, sentence in findings[:_MAX_EXAMPLES]:
        text.append("".join(f"{line}\n" for line in _example(pictures, sentence)))
    return text.append(f"  and {len(findings) - _MAX_EXAMPLES:,} more\n" if len(findings) > _MAX_EXAMPLES else "")


def _example(pictures: Sequence[str], sentence: str) -> list[str]:
    """The names of the first images, then the sentence; long names are shortened, each for itself."""
    width = _WIDTH - 4 if len(pictures) == 1 else _IMAGE_WIDTH
    *names, last = [shorten(name, width) for name in pictures[:_MAX_NAMES]]
    more = len(pictures) - _MAX_NAMES
    words = [*(f"{name}," for name in names), last, *([f"and {more:,} more"] if more > 0 else [])]
    lines = wrapped(sentence.split(" "), _WIDTH - 6)
    return [*(f"  {line}" for line in wrapped(words, _WIDTH - 4)), *(f"    {line}" for line in lines)]


def cache_text(entries: Sequence[Entry], place: str) -> str:
    """One line for each entry below its kind, with size and last use, and how to remove entries."""
    if not entries:
        return f"Nothing is cached in {place}."
    lines = []
    for kind, title in CONTENTS.items():
        here = [entry for entry in entries if entry.kind == kind]
        lines += [f"{kind}: {title}", *map(_entry, here), ""] if here else []
    total = f"{sum(entry.size_bytes for entry in entries) / 1e6:,.1f} MB"
    count = counted(len(entries), "entry")
    example = "To remove some: eyebright cache --remove packs --unused-days 30"
    return "\n".join([*lines, f"{count}, {total}, in {place}", example])


def _confusion(names: Sequence[str], width: int, confusion: Sequence[Sequence[int]]) -> Iterator[str]:
    """Counts, a row for each true class; columns have the names of the classes or, where these are long, #1, #2, ...

    A plain number could be mistaken for the name of a class.
    """
    short = max(map(columns, names)) <= _COLUMN_WIDTH
    heads = names if short else [f"#{number}" for number in range(1, len(names) + 1)]
    cell = max(*map(columns, heads), len(str(max(max(row) for row in confusion)))) + 2
    margin = 0 if short else len(heads[-1]) + 2
    yield "confusion matrix (rows: true class, columns: predicted class)"
    yield " " * (margin + width) + "".join(" " * (cell - columns(head)) + head for head in heads)
    for head, name, row in zip(heads, names, confusion, strict=True):
        yield (
            pad("" if short else head, margin) + pad(name, width) + "".join(f"{count or '.':>{cell}}" for count in row)
        )


def _mistakes(evaluation: "Evaluation") -> Iterator[str]:
    """The most frequent mistakes, where there are too many classes for a matrix."""
    names = [printable(score.name) for score in evaluation.classes]
    mistakes = [
        (count, names[true], names[predicted])
        for true, row in enumerate(evaluation.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    yield "most frequent mistakes"
    for count, true, predicted in sorted(mistakes, key=lambda mistake: -mistake[0])[:_MAX_MISTAKES]:
        yield f"{count:5,}  {shorten(true, 26)} predicted as {shorten(predicted, 26)}"


def _entry(entry: Entry) -> str:
    days = round(entry.used_days)
    used = "today" if days < 1 else f"{counted(days, 'day')} ago"
    name = "" if entry.about == entry.name else shorten(entry.name, _NAME_WIDTH)
    about = pad(shorten(entry.about, _ABOUT_WIDTH), _ABOUT_WIDTH)
    return f"  {about} {entry.size_bytes / 1e6:8,.1f} MB  {used:>12}  {name}".rstrip()
