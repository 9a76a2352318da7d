"""A classifier as one HTML file: the network, what runs it, and the proof that it answers as it did where it was made.

Templates and scripts are in templates/classifier.html and templates/classifier/. The network runs as WebAssembly, which
the policy of the page allows ('wasm-unsafe-eval'); everything else stays forbidden, connections too.
"""

import base64
import gzip
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from eyebright.data.pictures import Preparation
from eyebright.report.pages.page import render
from eyebright.system.errors import OutputError
from eyebright.system.text import printable

SCRIPTS = tuple(f"classifier/{name}.js" for name in ("resize", "prepare", "png", "decode", "answer", "page"))
"""In this order: each uses those before it."""
_EXPORTS = re.compile(r"export\s*\{([^{}]*)\};?\s*(//# sourceMappingURL=\S*\s*)?$")


class Runtime(NamedTuple):
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
        name: What it is called.
        classes: Names of the classes, in the order of the graph's outputs.
        preparation: Size and resizing of the images.
        graph: The ONNX graph: uint8 `pictures` (N, height, width, channels) to `probabilities`, `unfamiliarity` and
            `answer`; the last two may be missing.
        golden: The golden images, a safetensors file as in a model folder.
        version: The version of eyebright.
        thresholds: The probability that each class needs; None where nothing is promised.
        limit: The largest score of a label in a set, where coverage is promised.
        promised: What is promised, as a sentence.
        tells_unknown: Whether the graph gives `unfamiliarity`.
    """

    name: str
    classes: Sequence[str]
    preparation: Preparation
    graph: bytes
    golden: bytes
    version: str
    thresholds: Sequence[float] | None = None
    limit: float | None = None
    promised: str = ""
    tells_unknown: bool = True


def classifier_page(model: WebModel, runtime: Runtime) -> str:
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
        runtime=runtime, module=_as_global(runtime.script), about=about, lead=_lead(model.classes),
        packed={name: _packed(content) for name, content in contents.items()},
        familiar="Images unlike the training images get no answer." if model.tells_unknown else
        "It answers for every image, also for one that is unlike its training images.",
    )  # fmt: skip


def _packed(content: bytes) -> str:
    """Bytes as the page holds them: gzip, in base64."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _lead(classes: Sequence[str]) -> str:
    shown = [printable(name) for name in classes[:6]]
    more = f" and {len(classes) - 6} more" if len(classes) > 6 else f" or {shown.pop()}" if len(shown) > 1 else ""
    return f"Which class does an image belong to: {', '.join(shown)}{more}?"


def _as_global(script: str) -> str:
    """A module as one that sets `globalThis.ort`, since scripts inside a page cannot import from each other."""
    found = _EXPORTS.search(script)
    if not found or "</script" in script:
        raise OutputError("the script of ONNX Runtime Web does not end with its exports: use another version")
    names = (pair.split(" as ") for pair in found[1].split(","))
    fields = ",".join(f"{name[-1].strip()}:{name[0].strip()}" for name in names)
    return f"{script[: found.start()]}globalThis.ort={{{fields}}};"
