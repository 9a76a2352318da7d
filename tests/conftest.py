"""What tests share: a cache of their own, images small and real, small trainings, a kill during one, the command."""

import base64
import functools
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.network import Weights, load_weights
from eyebright.system import machine
from eyebright.training.events.event import Event, StepDone

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from matplotlib.figure import Figure
    from playwright.sync_api import Browser, BrowserContext, Page

collect_ignore_glob = ["tortur*.py"]  # scripts: `make torture`
_LONGEST = ("test_pages.py", "test_examples.py", "test_real_pictures.py", "test_demo.py", "test_distributed.py")
_MADE: dict[str, Path] = {}
"""What `made_once` has made in this process, by name."""
_BLANK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG file of one pixel."""


def pytest_configure(config: pytest.Config) -> None:
    """Where each core has a process of tests, each keeps to its own: threads that take turns on a core cost time."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    if machine.cores() <= int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")) and hasattr(os, "sched_setaffinity"):
        own = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {own[number % len(own)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no process waits for one at the end."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that need a GPU are skipped without one; `make test-gpu` runs them."""
    if item.get_closest_marker("gpu"):
        from eyebright.training.torch.hardware import cuda_problem

        if problem := cuda_problem():
            pytest.skip(f"needs an NVIDIA GPU: {problem}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that open a page in Chromium are marked: `-m "not browser"` leaves them out."""
    if "chromium" in getattr(item, "fixturenames", ()):
        item.add_marker("browser")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a test packs or compiles does not reach the user's cache or another test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(folder))
    return folder


@functools.cache
def _converted(file: Path) -> Weights:
    return load_weights(file)


@pytest.fixture(autouse=True)
def converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published weights of a package are read once, not for the cache of each test: a process of its own imports torch.

    That they are converted again where the cache has none is tested with files that are in no package.
    """
    read = "eyebright.network.zoo.published.load_weights"
    monkeypatch.setattr(read, lambda file: (_converted if "site-packages" in Path(file).parts else load_weights)(file))


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here outlives a failure of power. Tests of what is written to the disk when have their own `fsync`."""
    monkeypatch.setattr(os, "fsync", os.fstat)  # it also needs an open file


@pytest.fixture(autouse=True)
def quick_drawings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training leaves blank images in place of its figures, which take half of its time here.

    Tests with the marker `drawings` look at the figures; those of `report/` draw them.
    """
    if not request.node.get_closest_marker("drawings"):
        for name in ("draw_curves", "draw_path", "draw_confusion", "draw_sheet"):
            monkeypatch.setattr(f"eyebright.runs.figures.{name}", lambda *_, **__: _BLANK)
        for name in ("draw_curves", "draw_precision_recall", "draw_boxes"):
            monkeypatch.setattr(f"eyebright.tasks.detection.report.figures.{name}", lambda *_, **__: _BLANK)


@pytest.fixture(autouse=True)
def one_precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines have no second graph in bfloat16, which takes longer to compile than it saves with so few images.

    `tests/model/test_engine.py` tests it, and the commands of the pages, which run in processes of their own, use it.
    """
    if request.path.name != "test_engine.py":
        monkeypatch.setattr("eyebright.model.engine.Engine.quick", property(lambda engine: engine))


@pytest.fixture
def real_pictures() -> Path:
    """The folder of real images; without it the test is skipped."""
    if "EYEBRIGHT_DATA" not in os.environ:
        pytest.skip("EYEBRIGHT_DATA is not set: it names the folder with the real images")
    return Path(os.environ["EYEBRIGHT_DATA"])


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of small images: each class has its own colour, with noise; no two images are the same."""

    def make(name: str = "pictures", *, classes: tuple[str, ...] = ("blue", "green", "red"), count: int = 16) -> Path:
        random = np.random.default_rng(7)
        for index, label in enumerate(classes):
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 120, (20, 24, 3))
                pixels[:, :, index % 3] += 100 + index // 3 * 30
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03d}.png")
        return tmp_path / name

    return make


@pytest.fixture
def pictures(make_folder: Callable[..., Path]) -> Path:
    """A folder of small images in three classes."""
    return make_folder()


@pytest.fixture
def made_once(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """`made_once(name, make)`: `make(folder)` writes files once, for the first test that asks for the name.

    Each test gets a copy of them in its own folder, with their paths as if they had been made there.
    """

    def made_once(name: str, make: Callable[[Path], object]) -> None:
        if name not in _MADE:
            folder = tmp_path_factory.mktemp(name)
            make(folder)
            _MADE[name] = folder
        shutil.copytree(_MADE[name], tmp_path, dirs_exist_ok=True)
        for file in tmp_path.rglob("*"):
            if file.name in ("config.toml", "events.jsonl", "report.html"):
                file.write_bytes(file.read_bytes().replace(os.fsencode(_MADE[name]), os.fsencode(tmp_path)))

    return made_once


@pytest.fixture
def old_model(tmp_path: Path) -> Path:
    """A model of format 1, as its version saved it: three classes at 8x8, trained on images as `make_folder` draws."""
    with zipfile.ZipFile(Path(__file__).parent / "format_1.zip") as file:
        file.extractall(tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def train_mlp() -> Callable[..., object]:
    """Trains a tiny network on images of three classes, to a run's folder."""

    def train(pictures: Path, run: Path, *, epochs: int = 3, **options: object) -> object:
        settings = eb.Settings(epochs=epochs, batch_size=8, learning_rate=3e-3, seed=3)
        return eb.train(pictures, run, network=eb.zoo.mlp(3, input_size=8), settings=settings, **options)

    return train


@pytest.fixture
def killed() -> Callable[..., None]:
    """Calls a function that trains, and kills it at the first step of an epoch."""

    def call(work: Callable[..., object], *arguments: object, at_epoch: int = 2, **options: object) -> None:
        def kill(event: Event) -> None:
            if isinstance(event, StepDone) and event.epoch == at_epoch:
                raise RuntimeError("killed")

        with pytest.raises(RuntimeError, match="killed"):
            work(*arguments, callbacks=[kill], **options)

    return call


@pytest.fixture
def as_figure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., "Figure"]:
    """Call a drawing function of a module, and get the figure instead of the PNG file."""

    def draw(module: ModuleType, function: str, *arguments: object, **options: object) -> "Figure":
        with monkeypatch.context() as patch:
            patch.setattr(module, "to_png", lambda figure: figure)
            return getattr(module, function)(*arguments, **options)

    return draw


@pytest.fixture
def decode() -> Callable[[bytes], np.ndarray]:
    """The pixels of a PNG file, `(H, W, 3)`; it must be one."""

    def decode(png: bytes) -> np.ndarray:
        picture = Image.open(io.BytesIO(png), formats=["PNG"])
        picture.load()
        return np.asarray(picture.convert("RGB"))

    return decode


@pytest.fixture
def only_latin_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no fonts but those that come with matplotlib."""
    from matplotlib import font_manager

    fonts = [font for font in font_manager.fontManager.ttflist if font.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """Headless Chromium, driven by Playwright; without it the test is skipped. Its event loop ends with the module."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("needs Chromium, such as: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Opens an address in a browser of its own; what the page complains of, or asks of others, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def visit(address: str, **options: Any) -> "Page":
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        own = (address, "data:", "blob:") if address.startswith("file:") else (address[: address.find("/", 8)], "blob:")
        page.on("request", lambda sent: None if sent.url.startswith(own) else complaints.append(sent.url))
        page.goto(address)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def parsed() -> Callable[[str], "BeautifulSoup"]:
    """A page as a parser of HTML sees it."""
    from bs4 import BeautifulSoup

    return lambda page: BeautifulSoup(page, "html.parser")


@pytest.fixture
def opened(visit: Callable[..., "Page"], tmp_path: Path) -> Callable[..., "Page"]:
    """Opens a page in Chromium; errors, and what it asks for beside itself, fail the test."""

    def open_page(html: str, width: int = 1000, scheme: str = "light") -> "Page":
        path = tmp_path / "page.html"
        path.write_text(html, "utf-8")
        return visit(path.as_uri(), viewport={"width": width, "height": 800}, color_scheme=scheme)

    return open_page


@pytest.fixture
def barriers() -> Callable[["Page"], list[str]]:
    """What axe finds that keeps somebody from reading a page: the rule, and the first place."""
    from axe_playwright_python.sync_playwright import Axe

    def find(page: "Page") -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0].get('failureSummary')}" for one in found
        ]

    return find


class Finished(NamedTuple):
    """What a command left behind; errors and warnings are one line each, as before they were wrapped."""

    code: int
    out: str
    err: str

    @classmethod
    def of(cls, code: int, out: bytes, err: bytes) -> "Finished":
        lines: list[str] = []
        for line in err.decode().splitlines():
            if line and lines and lines[-1].startswith(("Error:", "Warning:")) and not line.startswith("Warning:"):
                lines[-1] += f" {line.strip()}"
            else:
                lines.append(line)
        return cls(code, out.decode(), "".join(f"{line}\n" for line in lines))


@pytest.fixture
def eyebright(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Finished]:
    """Calls a command with its arguments; `code` is what a shell would see."""

    from eyebright.cli.app import main

    def run(*arguments: str | Path) -> Finished:
        monkeypatch.setattr("sys.argv", ["eyebright", *map(str, arguments)])
        capfdbinary.readouterr()
        code = 0
        try:
            main()
        except SystemExit as finished:
            code = finished.code if isinstance(finished.code, int) else 0 if finished.code is None else 1
        output = capfdbinary.readouterr()
        return Finished.of(code, output.out, output.err)

    return run
