"""Numbers, names and lists as text: the one way in which all messages write them.

A name that somebody else has given (of a class, a file, an address) may hold escape codes, tags or formulas. It is
written by `printable` to a terminal, by `markup` into HTML, by `markdown` into Markdown, by `csv_cell` into a table.
"""

import difflib
import html
import re
import textwrap
from collections.abc import Sequence

_NEAREST_SHOWN = 40
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Characters that a terminal obeys or does not show, without the line break."""
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # the first letters by which a spreadsheet takes a cell for a formula
_UNITS = ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


def counted(number: int, noun: str) -> str:
    """1 image, 2,000 images, 3 classes, 2 boxes, 0 entries."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"


def all_of(number: int, noun: str) -> str:
    """All images of so many: the only image, all 2,000 images."""
    return f"the only {noun}" if number == 1 else f"all {counted(number, noun)}"


def kind_of(value: object) -> str:
    """What a value is, with its article.

    >>> kind_of(3), kind_of([]), kind_of(None)
    ('an int', 'a list', 'None')
    """
    name = type(value).__name__
    article = "an" if name.lower().startswith(("a", "e", "i", "o", "nd")) else "a"
    return "None" if value is None else f"{article} {name}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names and the number of the others: "a, b and 7 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def comma_separated(text: str) -> list[str]:
    """The words of a text that are separated by commas, without empty ones: "a, b," is a and b."""
    return [word.strip() for word in text.split(",") if word.strip()]


def percent(share: float, digits: int = 1) -> str:
    """A share from 0 to 1 in percent: 0.996 is "99.6%"."""
    return f"{100 * share:.{digits}f}%"


def interval(low: float, high: float) -> str:
    """A 95% interval with both ends from 0 to 1: "95% interval 97.9-100.0%"."""
    return f"95% interval {100 * low:.1f}-{100 * high:.1f}%"


def abbreviated(number: int) -> str:
    """A large number in three digits: 9.41k, 118M; "" for 0."""
    for unit, letter in _UNITS:
        if number >= 0.9995 * unit:
            value = number / unit
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{letter}"
    return str(number) if number else ""


def size_text(size_bytes: int) -> str:
    """A size in bytes for people: `13.5 MB`, `4.2 kB`."""
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"


def duration(seconds: float) -> str:
    """A time for sentences: 7 s, 2 min 5 s, 1 h 3 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def clock(seconds: float) -> str:
    """A time for progress bars: 3:07, 1:02:09."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def nearest(word: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or else a list of all known ones."""
    by_lower_case = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    if close:
        return f"did you mean {by_lower_case[close[0]]!r}?"
    return f"known are {listed(sorted(known), _NEAREST_SHOWN)}" if known else "there are none"


def is_utf8(name: str) -> bool:
    """Whether a name of a file can be written into UTF-8 text; on Linux a name may have any bytes."""
    return name.encode("utf-8", "replace").decode() == name


def printable(name: str) -> str:
    """A name on one line of a terminal: control characters and invalid bytes are escaped."""
    whole = name.encode("utf-8", "backslashreplace").decode()
    if whole.isprintable():
        return whole
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in whole)


def printable_lines(text: str) -> str:
    """A text of several lines for a terminal: each line as `printable` writes it."""
    return "\n".join(map(printable, text.split("\n")))


def markup(name: str) -> str:
    """A name on one line as text of HTML or XML, within or between tags."""
    return html.escape(printable(name))


def markdown(name: str) -> str:
    r"""A name as plain text in Markdown: tags and marks are escaped.

    >>> print(markdown("<b>*rose* of_1</b>"))
    &lt;b&gt;\*rose\* of_1&lt;/b&gt;
    """
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(printable_lines(name), quote=False))


def csv_cell(text: str) -> str:
    """A text as a cell of CSV: after an apostrophe where a spreadsheet would take it for a formula; numbers stay.

    >>> csv_cell("=1+1"), csv_cell("-o.png"), csv_cell("-1"), csv_cell("rose")
    ("'=1+1", "'-o.png", '-1', 'rose')
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def csv_text(cell: str) -> str:
    """The text that `csv_cell` has written."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def printed_cell(text: str) -> str:
    """As `csv_cell`, for a terminal: control characters are escaped, except line breaks, which CSV quotes."""
    return csv_cell(CONTROLS.sub(lambda letter: letter[0].encode("unicode_escape").decode(), text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def shorten(text: str, width: int) -> str:
    """The text, shortened in the middle if it is wider than `width` columns; Chinese characters take two."""
    if columns(text) <= width:
        return text
    head, tail = width // 2, width - width // 2 - 1
    while columns(text[:head]) + columns(text[-tail:]) + 1 > width:
        head, tail = head - 1, max(tail - 1, 1)
    return f"{text[:head]}…{text[-tail:]}"


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Words in lines of at most `width` columns; a word that is wider than a line is shortened.

    >>> wrapped(["roses/1.jpg,", "roses/2.jpg"], 12)
    ['roses/1.jpg,', 'roses/2.jpg']
    """
    lines: list[str] = []
    for word in (shorten(word, width) for word in words):
        if lines and columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


_COMMAND = re.compile(r"(?<=[:,]) (?=eyebright \S+ \S(?:(?!\. ).)*$)")  # a command that ends a message


def message(text: str, width: int = 80) -> str:
    """A message for a terminal, in lines of at most `width` columns; names and indented lines stay whole.

    A command at the end has a line of its own, to be copied.

    >>> print(message("there is no model: train one, eyebright train flower_photos -o flowers_run", 30))
    there is no model: train one,
      eyebright train flower_photos -o flowers_run
    """
    lines = _COMMAND.sub("\n  ", printable_lines(text)).split("\n")
    return "\n".join(
        line if line.startswith("  ") else textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in lines
    )


def examples(commands: Sequence[str]) -> str:
    """The end of a command's help: examples as they are typed, one a line. The first character forbids wrapping."""
    return "\b\n" + "\n  ".join(["Example:" if len(commands) == 1 else "Examples:", *commands])


_SUBSTITUTES = {"█": "#", "…": "...", "·": ".", "×": "x", "→": "->", "–": "-", "—": "-", "✓": "+", "•": "*"}


def in_ascii(problem: UnicodeError) -> tuple[str, int]:
    """An error handler of `codecs`: what an output cannot show is drawn with plain characters, or escaped."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    letters = problem.object[problem.start : problem.end]
    return "".join(
        _SUBSTITUTES.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in letters
    ), problem.end


def pad(text: str, width: int) -> str:
    """The text, filled with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes; Chinese characters take two."""
    from rich.cells import cell_len

    return cell_len(text)


def is_web_address(text: str) -> bool:
    """Whether a text is an http or https address."""
    return text.lower().startswith(("http://", "https://"))
