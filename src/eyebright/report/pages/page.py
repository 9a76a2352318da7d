"""A page: one HTML file that holds its style, its script and its images, and needs no other file.

A content security policy makes the browser apply only this style and this script, by their digests, and
that nothing may be loaded. Names of classes and files are data: whatever a template writes is escaped.
"""

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.system.text import counted, percent, printable_lines

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = resources.files(__package__) / "templates"
_QUALITY = 78  # of JPEG: below, flat areas show blocks


class Embedded(NamedTuple):
    """An image in a page: the id by which it is shown, its size in pixels, and its content as an address."""

    id: str
    width: int
    height: int
    address: str


class Album:
    """The images of a page: each is embedded once, however often it is shown."""

    def __init__(self) -> None:
        self._images: dict[object, Embedded] = {}

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Embedded]:
        return iter(self._images.values())

    def __contains__(self, key: object) -> bool:
        return key in self._images

    def __getitem__(self, key: object) -> Embedded:
        return self._images[key]

    def add(self, key: object, pixels: NDArray[np.uint8], side_px: int) -> Embedded:
        """The image of a key, embedded unless it is already.

        Args:
            key: What identifies the image, such as its position in the data.
            pixels: `(H, W, 3)` or grey `(H, W, 1)`, uint8.
            side_px: A larger image is reduced to this on its longer side.
        """
        if key not in self._images:
            self._images[key] = _embedded(f"i{len(self._images)}", pixels, side_px)
        return self._images[key]


def render(
    template: str,
    *,
    scripts: Sequence[str] = ("page.js",),
    styles: Sequence[str] = ("page.css",),
    module: str = "",
    connects: bool = False,
    **data: Any,
) -> str:
    """A page as HTML.

    Args:
        template: The name of its template, which extends base.html.
        scripts: The names of its scripts.
        styles: The names of its styles.
        module: The text of a JavaScript module that compiles WebAssembly, if it has one; it runs after the scripts.
        connects: Whether the scripts may send something to the server that the page came from.
        **data: What the template shows.
    """
    style, script = ("\n".join(map(_read, names)) for names in (styles, scripts))
    compiles = f" {_digest(module)} 'wasm-unsafe-eval'" if module else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}{compiles}; "
        "base-uri 'none'; form-action 'none'" + ("; connect-src 'self'" if connects else "")
    )
    given = {"policy": policy, "style": style, "script": script, "module": module}
    return _environment().get_template(template).render(given | data)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # slow to import, and only pages need it

    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable_lines(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "counted": counted}
    return environment


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _digest(text: str) -> str:
    """A style or script as a policy names it: by its SHA-256."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(name: str, pixels: NDArray[np.uint8], side_px: int) -> Embedded:
    from PIL import Image

    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return Embedded(name, *image.size, "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode())
