"""Make the pictures of the README: .venv/bin/python docs/pictures/make.py

The commands of the README run on scikit-learn's digits: what `train` prints is recorded with its times, the page of the
audit is opened in Chromium, predictions are drawn on a sheet, and the run's curves are copied.
"""

import io
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console

import eyebright as eb
from eyebright.cli.app import app
from eyebright.report.progress import Display
from eyebright.report.screen import Terminal

HERE = Path(__file__).parent
NAME = "terminal"
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
{styles}
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: bold 16px sans-serif; }}
text {{ animation: show 1ms both; }}
@keyframes show {{ from {{ opacity: 0; }} }}
@media (prefers-reduced-motion) {{ text {{ animation: none; }} }}
%s
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="99%"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


class Recording(Terminal):
    """A terminal without a bar; it keeps when each line was written."""

    def __init__(self) -> None:
        console = Console(record=True, force_terminal=True, color_system="256", width=80, file=io.StringIO())
        super().__init__(console)
        self._start_s = time.monotonic()
        self.times_s: list[float] = []

    def start(self) -> None:
        """No bar."""

    def stop(self) -> None:
        """No bar."""

    def say(self, text: str, *, style: str = "", wrap: bool = True) -> None:
        super().say(text, style=style, wrap=wrap)
        count = self._console.export_text(clear=False).count("\n")
        self.times_s += [time.monotonic() - self._start_s] * (count - len(self.times_s))

    def picture(self) -> str:
        """An animated picture of the terminal: each line appears at its time."""
        delays = "\n".join(
            f'text[clip-path="url(#{NAME}-line-{line})"] {{{{ animation-delay: {seconds:.2f}s; }}}}'
            for line, seconds in enumerate(self.times_s)
        )
        return self._console.export_svg(title="eyebright", code_format=SVG % delays, unique_id=NAME)


def photograph(page: str, picture: Path, width: int, height: int) -> None:
    """A page as a browser shows it."""
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}"]
    subprocess.run(
        ["chromium", *options, f"--screenshot={picture}", Path(page).absolute().as_uri()],
        check=True,
        capture_output=True,
    )


def main() -> None:
    """Run the commands in an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        app(["fetch", "digits", "-o", "digits"], standalone_mode=False)
        app(["audit", "digits", "--page", "audit.html"], standalone_mode=False)
        photograph("audit.html", HERE / "audit.png", 900, 900)
        recording = Recording()
        recording.say("$ eyebright train digits -o digits_run --network flowers_cnn --epochs 10")
        with Display(recording) as display:
            eb.train("digits", "digits_run", network="flowers_cnn", epochs=10, callbacks=[display], verbose=False)
        (HERE / "train.svg").write_text(recording.picture(), encoding="utf-8")
        shutil.copy("digits_run/curves.png", HERE)
        some = [str(min(folder.iterdir())) for folder in sorted(Path("digits").iterdir())[:9]]
        app(
            ["predict", "digits_run", *some, "--figure", str(HERE / "predictions.png"), "--overwrite"],
            standalone_mode=False,
        )


if __name__ == "__main__":
    main()
