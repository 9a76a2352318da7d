"""The formats that a model can be exported to. One format is one module here with one value, `FORMAT`.

To add one: a module `NAME.py` (with `_` for `-`) with

    FORMAT = Format(name="onnx", title="ONNX", main="model.onnx", runtime=("onnxruntime",), precisions=("float32",),
                    write=_write, load=_load)

its name in `NAMES` (`__init__.py`), and two templates: `templates/NAME.py.txt`, which becomes run.py in the folder, and
`templates/NAME.md`, which becomes the part "How to use it" of README.md. `export.py` does the rest: it writes the
folder, loads it with `load`, compares it with the model (`compare.py`), and runs its check.py in a process of its own.

`write` is given an `ExportSource` and a precision, and returns the content of files by their paths in the folder. The
same source must give the same bytes. What turns network data into such a file is a pure function in
`eyebright.network`.

`load` is given the `Exported` folder and returns a function from prepared images `(N, height, width, channels)`, uint8,
any N >= 1, to `Answers`. It opens the files with `exported.file(name)`, runs them by the runtime of the format
(`runtime(package)` imports it), and executes nothing from the folder. A format whose graph has no unfamiliarity or
answer sets `in_graph=False`: its folder gets answering.npz and answering.py, with which run.py comes from logits and
features to answers; `load` does the same with `answers_of(exported.answering(), logits, features)` of trust/answers.py.

run.py has one function, `load(folder, card)`, where `folder` is a Path and `card` the content of export.json. It
returns a function from prepared images, an array as above, to three arrays: probabilities `(N, classes)`, unfamiliarity
`(N,)` or None, and answer `(N,)`, the position of a class or -1.
"""

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.model.export import NAMES
from eyebright.model.export.exported import Exported, Precision
from eyebright.network import Network, Weights
from eyebright.network.answering import Answering
from eyebright.system.errors import MissingExtraError, SettingsError
from eyebright.system.text import listed, nearest
from eyebright.trust.answers import Answers
from eyebright.trust.promise import Promised

Runner: TypeAlias = Callable[[NDArray[np.uint8]], Answers]
"""From prepared images `(N, height, width, channels)` to answers."""


class ExportSource(NamedTuple):
    """What an export is made of.

    Args:
        network: The network.
        weights: Its weights, by `layer.tensor`.
        answering: How an answer is made from the logits.
        classes: Names of the classes, in the order of the outputs.
        preparation: Size and resizing of the images.
        promise: What the answers keep, where something is promised.
        calibration: Prepared images `(N, height, width, channels)`, uint8, from which ranges of int8 are taken; None
            where there are none.
    """

    network: Network
    weights: Weights
    answering: Answering
    classes: tuple[str, ...]
    preparation: Preparation
    promise: Promised | None = None
    calibration: NDArray[np.uint8] | None = None

    def calibrating(self) -> NDArray[np.uint8]:
        """The images from which ranges are taken.

        Raises:
            SettingsError: When there are none.
        """
        if self.calibration is None:
            raise SettingsError("int8 takes the ranges of values from images: give some with --on PICTURES (pictures=)")
        return self.calibration


class Format(NamedTuple):
    """A format that a model can be exported to.

    Args:
        name: As it is written on the command line.
        title: As people write it.
        main: The file that is opened to run it.
        runtime: The packages that run it, as pip names them; a module has the same name with `_`.
        precisions: In which numbers it can be written, the usual ones first.
        write: Makes the files.
        load: Reads an exported folder, to run it.
        in_graph: Whether the files themselves compute unfamiliarity and answer.
        tolerance: How far the probabilities may differ in float32.
        reason: Why that is more than 1e-4, where it is.
        witness: What else is tried with the written folder and some of the images, beside what `load` gives; returns
            sentences for people, and raises a `ModelError` where the answers are not those of the model.
    """

    name: str
    title: str
    main: str
    runtime: tuple[str, ...]
    precisions: tuple[Precision, ...]
    write: Callable[[ExportSource, Precision], dict[str, bytes]]
    load: Callable[[Exported], Runner]
    in_graph: bool = True
    tolerance: float = 1e-4
    reason: str = ""
    witness: Callable[[Exported, NDArray[np.uint8], Runner], list[str]] | None = None

    def precision(self, asked: str) -> Precision:
        """The precision of this name, the usual one of "".

        Raises:
            SettingsError: When the format is not written in it.
        """
        found = [known for known in self.precisions if known == (asked or self.precisions[0])]
        if not found:
            raise SettingsError(f"{self.title} is written in {listed(self.precisions)}, not in {asked!r}")
        return found[0]

    def require_runtime(self) -> None:
        """Refuse to work without the packages that run the format.

        Raises:
            MissingExtraError: With what to install.
        """
        missing = [package for package in self.runtime if importlib.util.find_spec(_module(package)) is None]
        if missing:
            raise MissingExtraError(
                f"{self.title} is run by {listed(self.runtime)}, without which an export cannot be proven: "
                f"pip install {' '.join(missing)}"
            )


def named_format(name: str) -> Format:
    """The format of a name; its module is imported now.

    Raises:
        SettingsError: When there is none.
    """
    if name not in NAMES:
        raise SettingsError(f"unknown format {name!r}: {nearest(name, list(NAMES))}")
    found: Format = importlib.import_module(f"{__package__}.{_module(name)}").FORMAT
    return found


def runtime(package: str) -> ModuleType:
    """The module of a package that runs a format.

    Raises:
        MissingExtraError: When it is not installed.
    """
    try:
        return importlib.import_module(_module(package))
    except ModuleNotFoundError as problem:
        raise MissingExtraError(f"{package} is not installed, and runs this format: pip install {package}") from problem


def _module(name: str) -> str:
    return name.replace("-", "_")
