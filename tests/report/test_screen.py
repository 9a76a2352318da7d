"""Where lines and bars go: terminals are tested with the display in test_progress.py, notebooks here."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from eyebright.report import screen
from eyebright.report.screen import Notebook, Terminal, console, here


@pytest.mark.parametrize(("name", "value", "styled"), [("NO_COLOR", "1", False), ("NO_COLOR", "", True)])
def test_the_console_for_results_writes_styles_to_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, styled: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv(name, value)
    target = console()
    target.file = io.StringIO()
    target.print("[a] :smile: 12", style=screen.HEADLINE)
    assert ("\x1b[1;36m" in target.file.getvalue()) == styled
    assert "[a] :smile: 12" in target.file.getvalue()


def test_the_work_goes_on_when_the_reader_of_its_lines_is_gone() -> None:
    code = (
        "import sys, time\n"
        "from eyebright.report.screen import Terminal, console\n"
        "terminal = Terminal(console())\n"
        "for number in range(2000):\n"
        "    terminal.say(f'line {number} ' + 60 * '.')\n"
        "print('done', file=sys.stderr)\n"
    )
    work = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert work.stdout is not None and work.stderr is not None
    assert work.stdout.readline().startswith(b"line 0")
    work.stdout.close()
    assert work.stderr.read() == b"done\n" and work.wait() == 0
    work.stderr.close()


class Cell:
    """The output of a notebook's cell, as IPython's display fills it: one place for each handle."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, str]] = []
        self.updates = 0

    def display(self, content: dict[str, str], *, raw: bool, display_id: bool) -> "Cell":
        assert raw and display_id
        self.outputs.append(content)
        return self

    def update(self, content: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.outputs[-1] = content
        self.updates += 1


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cell]:
    """A kernel whose cells show what is displayed; time stands still unless a test moves it."""
    cell, kernel = Cell(), SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=cell.display))  # type: ignore[arg-type]
    return cell


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(screen, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.mark.parametrize(
    ("shell", "kind"),
    [(None, Terminal), (SimpleNamespace(), Terminal), (SimpleNamespace(kernel=object()), Notebook)],
    ids=["no IPython shell", "IPython in a terminal", "kernel"],
)
def test_a_kernel_gets_a_notebook_everything_else_a_terminal(
    monkeypatch: pytest.MonkeyPatch, shell: Any, kind: type
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert isinstance(here(), kind)


def test_without_ipython_it_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert isinstance(here(), Terminal)


def test_a_notebook_has_one_output_however_often_the_bar_moves(cell: Cell, clock: SimpleNamespace) -> None:
    place = Notebook()
    place.start()
    assert not cell.outputs
    for epoch in (1, 2):
        place.wait(f"epoch {epoch}/2")
        for step in range(1, 1001):
            clock.seconds += 0.01
            place.move(step, 1000, "loss 0.5")
        place.say(f"{epoch}/2  0.5  80.0%")
    place.stop()
    assert len(cell.outputs) == 1
    assert cell.updates < 60  # 20 seconds, at most two each second, and the lines
    assert cell.outputs[0]["text/plain"] == "1/2  0.5  80.0%\n2/2  0.5  80.0%"
    assert "progress" not in cell.outputs[0]["text/html"]


def test_the_bar_of_a_notebook_stands_below_the_lines_while_the_work_goes_on(
    cell: Cell, clock: SimpleNamespace
) -> None:
    place = Notebook()
    place.say("Found 3 images.", style="bold")
    clock.seconds += 1
    place.wait("preparing images")
    clock.seconds += 1
    place.move(2, 3, "0:07 left")
    html = cell.outputs[0]["text/html"]
    assert html.index("<strong>Found 3 images.</strong>") < html.index('preparing images <progress value="2" max="3">')
    assert "2/3  0:07 left" in html
    assert "font-family: monospace" in html  # columns are aligned, also where a notebook shows other fonts


def test_names_in_a_notebook_are_text_and_never_markup(cell: Cell, clock: SimpleNamespace) -> None:
    place = Notebook()
    place.say("<script>alert(1)</script>\n\x1b[31mred")
    clock.seconds += 1
    place.wait("<b>")
    html = cell.outputs[0]["text/html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n\\x1b[31mred" in html and "&lt;b&gt;" in html
    assert "<script>" not in html and "\x1b" not in html


def test_short_work_without_a_line_leaves_no_output(cell: Cell, clock: SimpleNamespace) -> None:
    place = Notebook()
    place.start()
    clock.seconds += 0.4
    place.wait("preparing images")
    place.stop()
    assert not cell.outputs


NOTEBOOK = """
import json, nbformat
from nbclient import NotebookClient
work = '''
from eyebright.report.progress import shown
from eyebright.training.events.event import Progress
from eyebright.training.events.starting import Resumed
with shown([], verbose=True) as emit:
    emit(Resumed(epoch=3))
    for done in range(2000):
        emit(Progress(stage="preparing", done=done, of=2000))
    emit(Resumed(epoch=4))
'''
objects = "import eyebright as eb; eb.Dataset.from_arrays([], [], ['<b>a</b>'])"
summary = "eb.Model(eb.zoo.mlp(2, input_size=4)).summary()"
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (work, objects, summary)])
NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
print(json.dumps([cell.outputs for cell in notebook.cells]))
"""


def test_a_real_notebook_keeps_one_output_for_work_and_shows_tables_as_html() -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    run = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (work,), (objects,), (summary,) = json.loads(run.stdout.splitlines()[-1])
    assert work["output_type"] == "display_data"
    text = "".join(work["data"]["text/plain"])
    assert text == "Resuming after epoch 3.\nResuming after epoch 4."
    assert "progress" not in "".join(work["data"]["text/html"])
    assert "&lt;b&gt;a&lt;/b&gt;" in "".join(objects["data"]["text/html"])
    assert "<table>" in "".join(summary["data"]["text/html"])
