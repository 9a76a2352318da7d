"""Where a display writes: a terminal with a moving bar, a pipe or a log with lines only, or a cell of a notebook.

Escape codes (colours, moving bars) are written to a terminal only, and not when NO_COLOR is set or TERM is "dumb". A
notebook gets one output, which is replaced as the work goes on: neither it nor a log fills up with bars.
"""

import importlib
import os
import sys
import time
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text

from eyebright.system.text import clock, markup, printable_lines

HEADLINE, HEADING = "bold cyan", "bold"
_NOTEBOOK_REFRESH_S = 0.5
_PRE = "font-family: monospace; white-space: pre-wrap; word-break: normal; margin: 0"
"""Stays the same whatever a notebook's style says."""


class Screen(Protocol):
    """What a display needs: lines that stay, and one bar below them for the work that goes on."""

    def start(self) -> None:
        """Show the bar from now on."""

    def stop(self) -> None:
        """Remove the bar; the lines stay."""

    def say(self, text: str, *, style: str = "", wrap: bool = True) -> None:
        """Write a line; one that is to be copied is better not wrapped."""

    def wait(self, title: str) -> None:
        """Begin a stage, before its first report."""

    def move(self, done: int, of: int | None, note: str) -> None:
        """Move the bar: units that are done, of how many (None where that is not known), and what else to show."""


class _Console(Console):
    """A console whose reader may go away, as in `eyebright train ... | head`: the work goes on, and writes nowhere."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def console(*, stderr: bool = False) -> Console:
    """The console for results: one without any escape codes where these are not wanted."""
    plain = is_plain(Console(stderr=stderr))
    return _Console(stderr=stderr, force_terminal=False if plain else None, highlight=False, markup=False, emoji=False)


def is_plain(console: Console) -> bool:
    """Whether no escape codes may be written: not to a pipe or file, not with NO_COLOR or TERM=dumb."""
    return not console.is_terminal or console.is_dumb_terminal or bool(os.environ.get("NO_COLOR"))


def here() -> Screen:
    """The screen of a script, a session or a notebook that calls eyebright."""
    return Notebook() if in_notebook() else Terminal(console())


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code: then IPython's display shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Terminal:
    """A terminal; a pipe or a log receives the lines only.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._plain = console, is_plain(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            _Bar(),
            _Count(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=self._plain,
            get_time=lambda: time.monotonic(),  # noqa: PLW0108 - looked up at each call
        )
        self._task = self._progress.add_task("starting", total=None, note="")

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def say(self, text: str, *, style: str = "", wrap: bool = True) -> None:
        self._console.print(Text(printable_lines(text), "" if self._plain else style), soft_wrap=not wrap)

    def wait(self, title: str) -> None:
        """Show the stage with the time that it has taken."""
        self._progress.reset(self._task, total=None, description=title, note="")

    def move(self, done: int, of: int | None, note: str) -> None:
        self._progress.update(self._task, completed=done, total=of, note=note)


class Notebook:
    """One output of a notebook's cell: the lines so far, and below them the bar."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._title, self._bar, self._shown_s = "", "", time.monotonic()
        self._handle: Any = None

    def start(self) -> None:
        """Short work without a line leaves no output: a bar is shown after half a second."""
        self._shown_s = time.monotonic()

    def stop(self) -> None:
        self._bar = ""
        if self._handle is not None:
            self._show()

    def say(self, text: str, *, style: str = "", wrap: bool = True) -> None:
        self._lines.append((text, style))
        self._show()

    def wait(self, title: str) -> None:
        self._title, self._bar = title, f"<em>{_safe(title)} …</em>"
        self._show_soon()

    def move(self, done: int, of: int | None, note: str) -> None:
        """The bar, redrawn twice a second at most: each time the whole output is sent to the browser."""
        bar = f'<progress value="{done}" max="{of}"></progress> {done}/{of}' if of else str(done)
        self._bar = f"{_safe(self._title)} {bar}  {_safe(note)}"
        self._show_soon()

    def _show_soon(self) -> None:
        if time.monotonic() - self._shown_s >= _NOTEBOOK_REFRESH_S:
            self._show()

    def _show(self) -> None:
        display = importlib.import_module("IPython.display").display  # it has no types

        self._shown_s = time.monotonic()
        if self._handle is None:
            self._handle = display(self._content(), raw=True, display_id=True)
        else:
            self._handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        """The output as HTML and as text; it has no colours of its own, so that it reads well in light and dark."""
        lines = [f"<strong>{_safe(text)}</strong>" if style else _safe(text) for text, style in self._lines]
        body = "\n".join([*lines, self._bar] if self._bar else lines)
        return {
            "text/html": f'<pre style="{_PRE}">{body}</pre>',
            "text/plain": "\n".join(text for text, _ in self._lines),
        }


def _safe(text: str) -> str:
    """Text as HTML, its line breaks kept; names in it may hold anything."""
    return "\n".join(map(markup, text.split("\n")))


class _Bar(ProgressColumn):
    """A bar from the first unit that is done; before that, or without a total, a spinner and the time so far."""

    def __init__(self) -> None:
        super().__init__()
        self._spinner = Spinner("dots")

    def render(self, task: Task) -> RenderableType:
        """The bar, or the spinner with the time."""
        if task.total and task.completed:
            return ProgressBar(total=task.total, completed=task.completed, width=12)
        return Text(f"{self._spinner.render(task.get_time())} {clock(task.elapsed or 0.0)}")


class _Count(ProgressColumn):
    """How many units are done, and of how many; nothing before the first one."""

    def render(self, task: Task) -> RenderableType:
        """The numbers."""
        of = f"/{task.total:.0f}" if task.total else ""
        return Text(f"{task.completed:.0f}{of}" if task.completed else "")
