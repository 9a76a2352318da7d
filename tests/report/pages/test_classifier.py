"""The scripts of the page against Pillow, and the page with a stand-in for the runtime."""

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save

from eyebright.data.pictures import Preparation, decode, resize_picture
from eyebright.model.golden import golden_pictures
from eyebright.report.pages import classifier
from eyebright.report.pages.classifier import SCRIPTS, WebModel, WebRuntime, classifier_page, network_of
from eyebright.system.errors import ModelError, OutputError
from eyebright.trust.promise import Promised

TEMPLATES = resources.files("eyebright.report.pages") / "templates"
PREPARATION = Preparation(width=8, height=8)
HOSTILE = "</script><b>rose</b>"
STAND_IN = """
const env = { wasm: {} };
class Tensor { constructor(kind, data, shape) { Object.assign(this, { kind, data, shape }); } }
const InferenceSession = { async create(bytes) {
  const table = JSON.parse(new TextDecoder().decode(bytes));
  return { async run({ pictures }) {
    const found = table[pictures.data[0]] ?? table.other;
    return { probabilities: { data: Float32Array.from(found[0]) }, unfamiliarity: { data: Float32Array.of(found[1]) },
      answer: { data: BigInt64Array.of(BigInt(found[2])) } };
  } };
} };
export{env as env,InferenceSession as InferenceSession,Tensor as Tensor};
//# sourceMappingURL=ort.mjs.map
"""
ANSWERS: dict[str, tuple[list[float], float, int]] = {
    "10": ([0.1, 0.7, 0.2], 0.5, 1),
    "20": ([0.6, 0.3, 0.1], 0.5, -1),
    "30": ([0.9, 0.1, 0.0], 1.25, -1),
    "other": ([0.2, 0.3, 0.5], 0.25, 2),
}
"""What the stand-in gives for prepared images, by their first value."""


@pytest.fixture
def scripted(chromium) -> Callable[[str, Any], Any]:
    """Evaluates JavaScript on an argument, with the scripts of the page, where there is no page."""
    page = chromium.new_page()
    page.add_script_tag(content="\n".join((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS[:4]))
    page.add_script_tag(
        content="""
        const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const pack = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        const whole = ({ width, height, rows }) => [width, height, pack(rows(0, height))];"""
    )
    yield page.evaluate
    page.close()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def of_page(width: int, height: int, packed: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), np.uint8).reshape(height, width, 4)[:, :, :3]


def test_resizing_equals_pillow_bit_by_bit(scripted):
    """Random sizes and ways of fitting: tall, wide, one pixel, enlarged, and so large that blocks are reduced first."""
    random, cases = np.random.default_rng(0), []
    for number in range(40):
        least, most = (1000, 1100) if number in (0, 20) else (1, 300)
        height, width = random.integers(least, most, 2)
        size = {side: int(random.integers(1, 100)) for side in ("width", "height")}
        preparation = Preparation(**size, fit=("crop", "pad", "stretch")[number % 3], channels=(3, 1)[number % 4 == 0])
        cases.append((random.integers(0, 256, (height, width, 3), np.uint8), preparation))
    for pixels, preparation in cases:
        opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        found = scripted(
            f"""([width, height, data, wanted]) => {PREPARED.format("Resize.image(width, height, unpack(data))")}""",
            [pixels.shape[1], pixels.shape[0], text(opaque.tobytes()), settings(preparation)],
        )
        expected = resize_picture(Image.fromarray(pixels), preparation)
        here = np.frombuffer(base64.b64decode(found), np.uint8).reshape(expected.shape)
        assert np.array_equal(here, expected), (pixels.shape, preparation)


PREPARED = "pack(Prepare.channels(Prepare.fitted({}, wanted), wanted.channels))"


def settings(preparation: Preparation) -> dict[str, Any]:
    return {name: getattr(preparation, name) for name in ("width", "height", "fit", "channels")}


def png(samples: np.ndarray, kind: int, depth: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of samples `(H, W, channels)`, whose lines use the five filters in turn: written by the specification."""
    height, width, channels = samples.shape
    bits = np.unpackbits(samples.astype(">u2").view(np.uint8).reshape(height, width * channels, 2), axis=2)
    lines = [np.packbits(row) for row in bits[..., 16 - depth :].reshape(height, -1)]
    step, before, packed = max(depth * channels // 8, 1), np.zeros(len(lines[0]), np.int64), b""
    for number, line in enumerate(lines):
        here = line.astype(np.int64)
        left, corner = (np.concatenate([np.zeros(step, np.int64), values[:-step]]) for values in (here, before))
        nearest = np.abs(np.stack([left, before, corner]) - (left + before - corner)).argmin(axis=0)
        guess = [0 * here, left, before, (left + before) // 2, np.choose(nearest, [left, before, corner])][number % 5]
        packed += bytes([number % 5]) + (here - guess).astype(np.uint8).tobytes()
        before = here
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(packed)), (b"IEND", b"")]
    framed = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Of each kind of PNG, as its specification has them."""


@pytest.mark.parametrize(("kind", "depth"), [(kind, depth) for kind, depths in DEPTHS.items() for depth in depths])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_png_is_decoded_as_eyebright_does(scripted, kind, depth, transparent):
    """Also with transparent colours and palettes; what is left to the browser gives null."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    random = np.random.default_rng(kind * 100 + depth)
    samples = random.integers(0, 2 ** min(depth, 16), (11, 13, channels))
    more = [(b"PLTE", random.integers(0, 256, 3 * 2 ** min(depth, 8), np.uint8).tobytes())] if kind == 3 else []
    if transparent and kind in (4, 6):
        samples[..., -1] = random.choice([0, 2**depth - 1, 2 ** (depth - 1)], samples.shape[:2])
    elif transparent:
        clear = bytes(random.integers(0, 256, 2)) if kind == 3 else samples[0, 0].astype(">u2").tobytes()
        more.append((b"tRNS", clear))
    file = png(samples, kind, depth, *more)
    found = scripted(
        "async (file) => { const found = await Png.decode(unpack(file)); return found && whole(found); }", text(file)
    )
    if transparent and ((kind == 0 and depth < 8) or (kind == 2 and depth == 16)):
        assert found is None
    else:
        assert np.array_equal(of_page(*found), np.asarray(decode(file)))


def written(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


OPENED = "(file) => Decode.decode(new Blob([unpack(file)]), whole)"


def test_every_orientation_is_turned_upright_and_grey_is_grey(scripted):
    pixels = np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind, options in (("JPEG", {"subsampling": 0, "quality": 95}), ("PNG", {})):
            file = written(Image.fromarray(pixels), kind, exif=exif, **options)
            here, expected = of_page(*scripted(OPENED, text(file))), np.asarray(decode(file))
            assert here.shape == expected.shape and np.abs(here.astype(int) - expected).max() <= 2, (kind, orientation)
    grey = written(Image.fromarray(pixels[..., 0]), "JPEG")
    assert np.array_equal(of_page(*scripted(OPENED, text(grey))), np.asarray(decode(grey)))


def test_what_is_left_to_the_browser_is_over_white_and_read_in_strips(scripted):
    random = np.random.default_rng(2)
    clear = Image.fromarray(random.integers(0, 256, (8, 8, 4), np.uint8)).quantize(16)
    clear.info["transparency"] = 0
    file = written(clear, "GIF", transparency=0)
    assert np.array_equal(of_page(*scripted(OPENED, text(file))), np.asarray(decode(file)))
    large = Image.fromarray(np.kron(random.integers(0, 256, (25, 18, 3), np.uint8), np.ones((100, 100, 1), np.uint8)))
    file = written(large, "WEBP", lossless=True)  # 4.5 million pixels: more than a strip
    found = scripted(
        """(file) => Decode.decode(new Blob([unpack(file)]),
        (image) => pack(Prepare.channels(Prepare.fitted(image, { width: 20, height: 30, fit: "crop" }), 3)))""",
        text(file),
    )
    expected = resize_picture(large, Preparation(width=20, height=30))
    assert np.array_equal(np.frombuffer(base64.b64decode(found), np.uint8).reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"hello", "not an image that this browser can open"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image, which this browser cannot open: save it as JPEG"),
        (png(np.zeros((9, 9, 1)), 0, 8)[:60], "damaged"),
        (png(np.full((9, 9, 1), 4095), 0, 16), "at most 12 of 16 bits"),
        (png(np.full((9, 9, 3), 4095), 2, 16), "at most 12 of 16 bits"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_opened_says_why(scripted, content, words):
    assert words in scripted(OPENED.replace("whole", "whole).catch((problem) => problem.message"), text(content))


def golden(answers: dict[str, tuple[list[float], float, int]]) -> bytes:
    sources, prepared = golden_pictures(PREPARATION)
    given = [answers.get(str(image.ravel()[0]), answers["other"]) for image in prepared]
    outputs = {
        "prepared": prepared,
        "probabilities": np.array([one[0] for one in given], np.float32),
        "unfamiliarity": np.array([one[1] for one in given], np.float32),
        "answer": np.array([one[2] for one in given]),
    }
    return save({f"source_{at}": np.frombuffer(source, np.uint8) for at, source in enumerate(sources)} | outputs)


@pytest.fixture
def make_page() -> Callable[..., str]:
    """A page of three classes, whose network is `ANSWERS` and must have been `proven`."""

    def make(proven: dict[str, Any] = ANSWERS, script: str = STAND_IN, **parts: Any) -> str:
        given = {
            "classes": ("daisy", HOSTILE, "tulip"), "preparation": PREPARATION, "version": "1.2.3",
            "graph": json.dumps(ANSWERS).encode(), "golden": golden(proven), "thresholds": [0.75] * 3,
        }  # fmt: skip
        return classifier_page(WebModel(**given | parts), WebRuntime(script, b"wasm", "9.8.7", "MIT"))

    return make


def files(*shades: int) -> list[dict[str, Any]]:
    """Images of one colour, as Playwright gives them to an input of files."""
    return [{"name": f"<i>{shade}.png", "mimeType": "image/png",
             "buffer": written(Image.new("RGB", (8, 8), (shade, 0, 0)), "PNG")} for shade in shades]  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1000, "dark")])
def test_the_page_gives_answers_and_says_why_it_gives_none(make_page, opened, barriers, width, scheme):
    page = opened(make_page(promised="Promise accuracy=0.9."), width, scheme)
    page.get_by_text("Proved on this device").wait_for()
    page.locator("#files").set_input_files(
        [*files(10, 20, 30), {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"}]
    )
    page.get_by_text("4 of 4 images").wait_for()
    assert page.locator(".card h3").all_inner_texts() == [
        f"{HOSTILE} 70.0%",
        "No answer: confidence 60.0%, below 75.0%",
        "No answer: unlike the training images (unfamiliarity 1.3, limit 1.0)",
        "Not opened: not an image that this browser can open, or a damaged one",
    ]
    assert page.locator(".card").first.locator(".bars li").all_inner_texts() == [
        f"{HOSTILE}\n70.0%", "tulip\n20.0%", "daisy\n10.0%",
    ]  # fmt: skip
    page.locator("#files").set_input_files(files(40))
    page.get_by_text("5 of 5 images").wait_for()
    assert page.locator(".card h3").first.inner_text() == "tulip 50.0%"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.locator("b, i").count()  # names are text
    assert barriers(page) == []
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#results").is_hidden() and page.evaluate("document.activeElement.id") == "files"


def test_images_are_given_by_keyboard_by_drop_and_by_paste(make_page, opened):
    page = opened(make_page())
    page.get_by_text("Proved on this device").wait_for()
    for _ in range(2):  # after the link to the content
        page.keyboard.press("Tab")
    page.wait_for_selector("#files:focus", state="attached")  # Enter opens it: that is the browser's
    page.locator("#files").set_input_files(files(10, 20))
    page.get_by_text("2 of 2 images").wait_for()
    for number, (kind, field) in enumerate([("DragEvent", "dataTransfer"), ("ClipboardEvent", "clipboardData")], 3):
        page.evaluate(
            """async ([kind, field, data]) => {
            const transfer = new DataTransfer();
            const content = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([content], "a.png", { type: "image/png" }));
            const name = kind === "DragEvent" ? "drop" : "paste";
            dispatchEvent(new globalThis[kind](name, { [field]: transfer, bubbles: true, cancelable: true }));
            }""",
            [kind, field, text(files(10)[0]["buffer"])],
        )
        page.get_by_text(f"{number} of {number} images").wait_for()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"proven": ANSWERS | {"other": ([0.2003, 0.2997, 0.5], 0.25, 2)}}, "computes something else"),
        ({"proven": ANSWERS | {"other": ([0.2, 0.3, 0.5], 0.26, 2)}}, "computes something else"),
        ({"proven": ANSWERS | {"other": ([0.2, 0.3, 0.5], 0.25, 1)}}, "computes something else"),
        ({"preparation": Preparation(width=8, height=8, fit="stretch")}, "computes something else"),
        ({"graph": json.dumps({"other": ([float("inf")] * 3, 0.25, 2)}).replace("Infinity", "null").encode()},
         "computes something else"),
        ({"graph": b"{"}, "cannot be started"),
        ({"script": "delete globalThis.DecompressionStream; const ort = {}; export{ort as b};"}, "too old"),
    ],
)  # fmt: skip
def test_a_page_that_proves_nothing_gives_no_answers(make_page, opened, parts, words):
    page = opened(make_page(**parts))
    page.get_by_text("No answers on this device: ").wait_for()
    assert words in page.locator("#state").inner_text()
    assert page.locator("#files").is_disabled()


def test_sets_of_labels_are_those_of_the_promise(make_page, opened):
    """Against `Promised.label_sets`; the limit is that of a score with its rounding."""
    probabilities = np.array([ANSWERS["10"][0]], np.float32)
    limit = float(np.float32(np.float64(probabilities[0, 1]) + 0.001))
    for low, count in ((limit, 2), (limit - 1e-6, 1), (0.95, 3)):
        promised = Promised(promise="coverage=0.9", limits=(low,), images=9, answered=1.0)
        sets = promised.label_sets(probabilities)
        assert sets is not None and sets.sum() == count
        page = opened(make_page(thresholds=None, limit=low))
        page.get_by_text("Proved on this device").wait_for()
        page.locator("#files").set_input_files(files(10))
        names = [HOSTILE, "tulip", "daisy"][:count]
        assert page.locator(".card h3").inner_text() == " or ".join(names)


def test_a_page_needs_a_runtime_that_ends_with_its_exports(make_page):
    for script in ("let ort = 1;", "'</script>'; export{a as b};"):
        with pytest.raises(OutputError, match="does not end with its exports"):
            make_page(script=script)


def test_the_policy_compiles_webassembly_and_loads_nothing(make_page, parsed):
    tree = parsed(make_page())
    policy = dict(rule.split(" ", 1) for rule in tree.find("meta", {"http-equiv": True})["content"].split("; "))
    assert policy["default-src"] == "'none'" and "connect-src" not in policy
    assert policy["script-src"].endswith(" 'wasm-unsafe-eval'") and policy["script-src"].count("'sha256-") == 2
    assert [one.get("type") for one in tree.select("script")] == [
        "application/json", "text/plain", "text/plain", "text/plain", None, "module",
    ]  # fmt: skip


def test_the_network_can_be_read_from_the_page(make_page, monkeypatch):
    page = make_page().encode()
    assert network_of(page, "a.html") == json.dumps(ANSWERS).encode()
    for content, words in {
        b"": "a.html has no network", page.replace(b'id="network">H4sI', b'id="network">H4sJ'): "is damaged",
        re.sub(rb'(id="network">)(.{40})[^<]+', rb"\1\2", page): "cut off",
    }.items():  # fmt: skip
        with pytest.raises(ModelError, match=words):
            network_of(content, "a.html")
    monkeypatch.setattr(classifier, "MOST_BYTES", 10)
    with pytest.raises(ModelError, match="larger than"):
        network_of(page, "a.html")


def test_the_page_asks_for_a_few_names_or_says_how_many_there_are(make_page, parsed):
    assert parsed(make_page(classes=("a", "b", "<c>"))).h1.text == "a, b or <c>?"
    assert parsed(make_page(classes=tuple(f"class {n}" for n in range(43)))).h1.text == "Which of 43 classes?"


def test_a_model_that_knows_nothing_of_unknown_images_proves_itself_without(make_page, opened):
    script = STAND_IN.replace("unfamiliarity: { data: Float32Array.of(found[1]) },", "")
    tensors = {name: values for name, values in load(golden(ANSWERS)).items() if name != "unfamiliarity"}
    page = opened(make_page(script=script, golden=save(tensors), has_unfamiliarity=False))
    page.get_by_text("Proved on this device").wait_for()
    assert "unfamiliarity" not in page.locator("#detail").inner_text()
    page.locator("#files").set_input_files(files(10))
    assert page.locator(".card h3").inner_text() == f"{HOSTILE} 70.0%"
