"""A classifier as one HTML file: the network, what runs it, and the proof that it answers as it did where it was made.

Templates and scripts are in templates/classifier.html and templates/classifier/. The network runs as WebAssembly, which
the policy of the page allows ('wasm-unsafe-eval'); everything else stays forbidden, connections too.
"""

import base64
import gzip
import re
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from eyebright.data.pictures import Preparation
from eyebright.report.pages.page import render
from eyebright.system.errors import ModelError, OutputError
from eyebright.system.text import printable

SCRIPTS = tuple(f"classifier/{name}.js" for name in ("resize", "prepare", "png", "decode", "answer", "page"))
"""In this order: each uses those before it."""
MOST_BYTES = 2_000_000_000
"""Of a graph in a page."""
_QUESTION = 80  # letters
_EXPORTS = re.compile(r"export\s*\{([^{}]*)\};?\s*(//# sourceMappingURL=\S*\s*)?$")


class WebRuntime(NamedTuple):
    """ONNX Runtime Web: the files of the npm package `onnxruntime-web` that a page needs.

    Args:
        script: Its module in JavaScript, `ort.wasm.bundle.min.mjs`.
        binary: Its WebAssembly, `ort-wasm-simd-threaded.wasm`.
        version: Its version.
        license: The text of its licence.
    """

    script: str
    binary: bytes
    version: str
    license: str


class WebModel(NamedTuple):
    """What a page answers with.

    Args:
        classes: Names of the classes, in the order of the graph's outputs.
        preparation: Size and resizing of the images.
        graph: The ONNX graph: uint8 `pictures` (N, height, width, channels) to `probabilities`, `unfamiliarity` and
            `answer`; the last two may be missing.
        golden: The golden images, a safetensors file as in a model folder.
        version: The version of eyebright.
        thresholds: The probability that each class needs; None where nothing is promised.
        limit: The largest score of a label in a set, where coverage is promised.
        promised: What is promised, as a sentence.
        has_unfamiliarity: Whether the graph gives `unfamiliarity`.
    """

    classes: Sequence[str]
    preparation: Preparation
    graph: bytes
    golden: bytes
    version: str
    thresholds: Sequence[float] | None = None
    limit: float | None = None
    promised: str = ""
    has_unfamiliarity: bool = True


def classifier_page(model: WebModel, runtime: WebRuntime) -> str:
    """The page, a whole HTML file.

    Raises:
        OutputError: When the script of the runtime is not a module as its package has it.
    """
    about: dict[str, Any] = {
        "classes": [printable(name) for name in model.classes],
        "preparation": {name: getattr(model.preparation, name) for name in ("width", "height", "fit", "channels")},
        "thresholds": model.thresholds,
        "limit": model.limit,
    }
    contents = {"network": model.graph, "golden": model.golden, "runtime": runtime.binary}
    return render(
        "classifier.html", scripts=SCRIPTS, styles=("page.css", "classifier/classifier.css"), album=(), model=model,
        runtime=runtime, module=_as_global(runtime.script), about=about, title=_question(model.classes),
        packed={name: _packed(content) for name, content in contents.items()},
        familiar="Images unlike the training images get no answer." if model.has_unfamiliarity else
        "It answers for every image, also for one that is unlike its training images.",
    )  # fmt: skip


def _packed(content: bytes) -> str:
    """Bytes as the page holds them: gzip, in base64."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def network_of(page: bytes, what: str) -> bytes:
    """The ONNX graph in a page that `classifier_page` has made.

    Args:
        page: The page.
        what: How to call it in an error.

    Raises:
        ModelError: When there is none, or it is damaged.
    """
    found = re.search(rb'<script type="text/plain" id="network">([\w+/=]+)</script>', page)
    if not found:
        raise ModelError(f"{what} has no network: export the model again")
    try:
        unpacking = zlib.decompressobj(wbits=31)  # gzip
        graph = unpacking.decompress(base64.b64decode(found[1], validate=True), MOST_BYTES)
    except (ValueError, zlib.error) as problem:
        raise ModelError(f"the network in {what} is damaged: {problem}; export the model again") from problem
    if not unpacking.eof:
        raise ModelError(f"the network in {what} is cut off, or larger than {MOST_BYTES / 1e9:.0f} GB")
    return graph


def _question(classes: Sequence[str]) -> str:
    """What the page asks: names of a few classes, or how many there are."""
    *names, last = map(printable, classes)
    question = f"{', '.join(names)} or {last}?"
    return question if len(question) <= _QUESTION else f"Which of {len(classes):,} classes?"


def _as_global(script: str) -> str:
    """A module as one that sets `globalThis.ort`, since scripts inside a page cannot import from each other."""
    found = _EXPORTS.search(script)
    if not found or "</script" in script:
        raise OutputError("the script of ONNX Runtime Web does not end with its exports: use another version")
    names = (pair.split(" as ") for pair in found[1].split(","))
    fields = ",".join(f"{name[-1].strip()}:{name[0].strip()}" for name in names)
    return f"{script[: found.start()]}globalThis.ort={{{fields}}};"
