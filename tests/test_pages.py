"""The examples in the documents run, in the order of each page, and print what the page shows.

A block in the language `console` shows commands after "$ " and what they print; "..." stands for anything. A block
without a language shows only commands; for them and for Python one epoch is enough here. `<!-- not run: REASON -->`
before a block excepts it, `<!-- page not run: REASON -->` a page. The blocks of a page run in one folder, with the
images that the pages speak of.

Measured numbers may differ, seconds and speeds by any amount; all other numbers and words must be those of the page.
To write what the commands print now into the pages: python -m tests.test_pages
"""

import contextlib
import itertools
import re
import shlex
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests import warm

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(?P<excepted><!-- not run: .+? -->\n+)?^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^ *```$", re.S | re.M
)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
TEXTS = {page: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
PAGES = [
    str(page.relative_to(ROOT))
    for page, text in TEXTS.items()
    if re.search(r"^ *(?:\$ )?eyebright ", text, re.MULTILINE) and "<!-- page not run: " not in text
]
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
FREE = re.compile(r" ?(?:s|ms|min|images/s|/s|MB|MiB)\b")  # units of what depends on the machine
PETALS = {"daisy": "white", "dandelion": "gold", "rose": "crimson", "sunflower": "orange", "tulip": "purple"}


def run(page: str, folder: Path, check: Callable[[str, str, str], str | None]) -> str:
    """Run the examples of a page; `check(command, shown, printed)` may return what the page should show instead."""
    names: dict[str, object] = {}

    def block(match: re.Match[str]) -> str:
        excepted, indent, kind, text = match.group("excepted", "indent", "kind", "text")
        if kind == "console" and not excepted:
            return f"{indent}```console\n{COMMAND.sub(command, text)}{indent}```"
        if kind == "python" and not excepted:
            exec(shortened(text), names)
        if not kind and not excepted:
            for line in re.findall(rf"^{indent}(eyebright (?:.*\\\n)*.*)", text, re.MULTILINE):
                shell(shortened(line), folder)
        return match[0]

    def command(match: re.Match[str]) -> str:
        shown = check(match[1], match[2], shell(match[1], folder))
        return match[0] if shown is None else f"$ {match[1]}\n{shown}"

    for match in BLOCK.finditer(page):
        if match["kind"] == "toml":
            (folder / "run.toml").write_text(match["text"])
    with contextlib.chdir(folder):
        return BLOCK.sub(block, page)


def shortened(code: str) -> str:
    """A command or Python with one epoch instead of many."""
    return re.sub(r"(?<=epochs)([ =])\d+", r"\g<1>1", code)


def with_blocks_of(page: str, translation: str) -> str:
    """A translation of a page, with the page's own blocks of code."""
    blocks = [match[0] for match in BLOCK.finditer(page)]
    return BLOCK.sub(lambda match: blocks.pop(0) if blocks else "", translation)


def shell(command: str, folder: Path) -> str:
    """What a command prints, as on a terminal of 80 columns without colours."""
    written, _, file = command.partition(" > ")
    program, *arguments = shlex.split(written, comments=True)
    assert program == "eyebright"
    code, output = warm.run(arguments, folder)
    printed = output.decode()
    assert code == 0, f"$ {command}\n{printed}"
    if file:
        (folder / file).write_bytes(output)
        printed = ""
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())


def agrees(shown: str, printed: str) -> bool:
    """Whether what is printed is what the page shows."""
    shown, printed = (" ".join(text.split()) for text in (shown, printed))
    words, numbers = NUMBER.split(shown), NUMBER.findall(shown)
    pattern = f"({NUMBER.pattern})".join(re.escape(part).replace(r"\.\.\.", ".*?") for part in words)
    found = re.fullmatch(pattern, printed)
    return found is not None and all(map(close, numbers, found.groups(), words[1:]))


def close(shown: str, printed: str, unit: str) -> bool:
    """Whether a number is that of the page, up to what differs from one machine to another."""
    if FREE.match(unit):
        return True
    expected, got = (float(number.replace(",", "")) for number in (shown, printed))
    if unit.startswith("%"):
        return abs(expected - got) <= 5
    return expected == got if "." not in shown else abs(expected - got) <= max(0.1 * expected, 0.05)


def furnish(folder: Path) -> None:
    """Make the images that the pages speak of."""
    for name, colour in PETALS.items():
        for count, place in ((12, "flower_photos"), (8, "more_flowers"), (2, "other_photos")):
            for index in range(count):
                flower(folder / place / name / f"{index:04d}.jpg", colour, list(f"{place}/{name}/{index}".encode()))
    for file in ("new_photos/0001.jpg", "new_photos/0002.jpg", "rose.jpg", "red_sunflower.jpg"):
        flower(folder / file, "crimson", list(file.encode()))
    for film, frame in np.ndindex(12, 3):
        flower(folder / "traffic_signs" / str(film % 2) / f"{film:05d}_{frame:05d}.ppm", "gold", [film, film, frame])
    (folder / "shards").mkdir()
    for shard in range(3):
        with tarfile.open(folder / "shards" / f"flowers-train-{shard:03d}.tar", "w") as file:
            for name, index in itertools.product(PETALS, range(4 * shard, 4 * shard + 4)):
                file.add(folder / "flower_photos" / name / f"{index:04d}.jpg", f"{name}/{index:04d}.jpg")


def flower(file: Path, colour: str, seed: list[int]) -> None:
    """Draw a flower on grass."""
    random = np.random.default_rng(seed)
    grass = np.add(random.integers(0, 70, (96, 128, 3)), [20, 90, 20])
    image = Image.fromarray(grass.astype(np.uint8))
    draw, x, y, size = ImageDraw.Draw(image), *random.integers((40, 35, 15), (90, 60, 30))
    petals, width = random.integers(5, 14), size / random.integers(2, 6)
    for angle in np.linspace(0, 2 * np.pi, petals)[:-1] + random.random():
        petal = x + size * np.cos(angle), y + size * np.sin(angle)
        draw.ellipse([petal[0] - width, petal[1] - width, petal[0] + width, petal[1] + width], fill=colour)
    draw.ellipse([x - size / 2, y - size / 2, x + size / 2, y + size / 2], fill="saddlebrown")
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, quality=90)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, tmp_path, tmp_path_factory, monkeypatch):
    def check(command: str, shown: str, printed: str) -> None:
        assert agrees(shown, printed), f"$ {command}\n{printed}\nThe page shows:\n{shown}"

    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path_factory.getbasetemp().parent / "cache of the pages"))
    furnish(tmp_path)
    run((ROOT / page).read_text(encoding="utf-8"), tmp_path, check)


def test_the_translation_shows_the_same_commands():
    page, translation = (ROOT / "README.md").read_text("utf-8"), (ROOT / "README.zh-CN.md").read_text("utf-8")
    assert len(BLOCK.findall(page)) == len(BLOCK.findall(translation))
    assert translation == with_blocks_of(page, translation)
    numbers = ([row.count("|") for row in text.splitlines() if row.startswith("|")] for text in (page, translation))
    assert next(numbers) == next(numbers)


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("Found 12 images", "Found 12\nimages", True),
        ("Found 12 images", "Found 13 images", False),
        ("1,257 images", "1257 images", True),
        ("accuracy 92.2%, loss 0.31, after 2 s.", "accuracy 93.0%, loss 0.30, after 19 s.", True),
        ("accuracy 92.2%", "accuracy 82.2%", False),
        ("loss 0.31", "loss 0.41", False),
        ("first\n...\nlast", "first\nand 3 more\nlast", True),
        ("first\n...\nlast", "first\nlast one", False),
        ("Model saved: a", "Model stored: a", False),
    ],
)
def test_what_agrees(shown, printed, expected):
    assert agrees(shown, printed) is expected


if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        with tempfile.TemporaryDirectory() as place:
            furnish(Path(place))
            text = (ROOT / name).read_text(encoding="utf-8")
            text = run(text, Path(place), lambda _, shown, printed: None if agrees(shown, printed) else printed)
            (ROOT / name).write_text(text, encoding="utf-8")
    translation = ROOT / "README.zh-CN.md"
    page, translated = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", translation.name))
    translation.write_text(with_blocks_of(page, translated), encoding="utf-8")
