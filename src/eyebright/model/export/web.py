"""A page that classifies images in the browser: one HTML file with the network, its runtime and golden images.

The page proves itself each time it is opened. Here its network is compared by ONNX Runtime in Python, which is the same
program that is in the page; where Chromium is installed, the page itself is opened and asked too.
"""

import base64
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import eyebright
from eyebright.data.batches import spread
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.export.browser import BrowserError, Tab, find_browser, opened_tab
from eyebright.model.export.exported import Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner
from eyebright.model.export.onnx import run_graph
from eyebright.model.export.web_runtime import find_runtime
from eyebright.model.golden import Golden, golden_pictures, png
from eyebright.report.pages.classifier import WebModel, classifier_page, network_of
from eyebright.system.errors import ModelError
from eyebright.system.text import counted
from eyebright.trust.answers import Answers

FILE = "index.html"
_MOST_BYTES = 350_000_000
_ASKED = 20  # images in the browser, which takes a tenth of a second for each
_UNSEEN = (
    "{}, so the page was not opened: its network was compared by ONNX Runtime in Python. The page compares the golden "
    "images each time it is opened, and refuses to answer if they differ."
)
_PROOF = """Page.started.then(() => ["state", "detail"].map((id) => document.getElementById(id)))
  .then(([state, detail]) => [state.dataset.state, `${state.textContent} ${detail.textContent}`])"""
_ANSWER = """Page.started.then(async (network) => {
  const bytes = Uint8Array.from(atob("%s"), (letter) => letter.charCodeAt(0));
  const found = await network.predict(new Blob([bytes]));
  return [...found.probabilities, found.answer];
})"""


def _write(source: ExportSource, precision: Precision) -> dict[str, bytes]:
    graph, promise = onnx_graph(source.network, source.weights, answering=source.answering), source.promise
    if len(graph) > _MOST_BYTES:
        raise ModelError(
            f"a page holds a network of {_MOST_BYTES / 1e6:.0f} MB at most, since browsers limit texts to 512 MB, got "
            f"{len(graph) / 1e6:.0f} MB: export a smaller network, or use --to onnx on a server"
        )
    images, prepared = golden_pictures(source.preparation)
    golden = Golden(images, prepared, Engine.of_bytes(graph).outputs(prepared))
    thresholds = source.answering.thresholds
    model = WebModel(
        source.classes, source.preparation, graph, golden.to_bytes(), eyebright.__version__,
        thresholds=None if thresholds is None else thresholds.tolist(),
        limit=promise.limits[0] if promise is not None and promise.measure == "coverage" else None,
        promised="" if promise is None else promise.text,
        has_unfamiliarity=source.answering.familiar is not None,
    )  # fmt: skip
    return {FILE: classifier_page(model, find_runtime()).encode()}


def _load(exported: Exported) -> Runner:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(network_of(exported.file(FILE).read_bytes(), str(exported.path / FILE)))
        return run_graph(path)


def _ask(exported: Exported, pixels: NDArray[np.uint8], model: Runner) -> list[str]:
    """What the page itself says in Chromium, for some of the images."""
    browser, chosen = find_browser(), pixels[spread(np.arange(len(pixels)), _ASKED)]
    if browser is None:
        return [_UNSEEN.format("Chromium is not installed here")]
    try:
        with opened_tab(browser, exported.file(FILE).absolute().as_uri()) as tab:
            return [_asked(tab, chosen, model(chosen))]
    except BrowserError as problem:
        return [_UNSEEN.format(f"Chromium does not run here ({problem})")]


def _asked(tab: Tab, pixels: NDArray[np.uint8], expected: Answers) -> str:
    version = tab.evaluate("navigator.userAgent.match(/Chrome.([0-9]+)/)?.[1] ?? ''")
    state, detail = tab.evaluate(_PROOF)
    if state != "proved":
        raise ModelError(f"the page refuses to answer in Chromium {version}; nothing was written: {detail}")
    begin = time.perf_counter()
    found = np.array([tab.evaluate(_ANSWER % base64.b64encode(png(image)).decode()) for image in pixels])
    each_ms = (time.perf_counter() - begin) / len(pixels) * 1e3
    off = float(np.abs(found[:, :-1] - expected.probabilities).max())
    changed = int((found[:, -1] != expected.answer).sum())
    if not off <= FORMAT.tolerance:
        raise ModelError(
            f"the page gives other answers than the model in Chromium {version}: its probabilities differ by up to "
            f"{off:.2g} (allowed: {FORMAT.tolerance:g}); nothing was written"
        )
    return (
        f"The page itself was opened in Chromium {version}: it proved its golden images, and for {len(pixels)} of "
        f"these images its probabilities differ by at most {off:.2g}, {counted(changed, 'answer')} changed; "
        f"{each_ms:.0f} ms an image."
    )


FORMAT = Format(
    name="web", title="HTML", main=FILE, runtime=("onnxruntime",), precisions=("float32",), write=_write,
    load=_load, witness=_ask,
)  # fmt: skip
