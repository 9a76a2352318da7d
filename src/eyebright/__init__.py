"""eyebright turns a folder of pictures into an image classifier you can trust.

    import eyebright as eb

    pictures = eb.Dataset.from_folder("flower_photos", seed=123)
    model = eb.Classifier(eb.zoo.flowers_cnn(), classes=pictures.classes)
    model.fit(pictures, epochs=15)
    model.evaluate(pictures.test)
    model.predict("red_sunflower.jpg")
    model.save("flowers")

The public names are imported when they are first used, so that `import eyebright` costs next to nothing.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyebright import network as network
    from eyebright.data.dataset import Dataset as Dataset
    from eyebright.data.pictures import Preparation as Preparation
    from eyebright.data.pictures import open_picture as open_picture
    from eyebright.model.classifier import Classifier as Classifier
    from eyebright.model.importing.import_model import import_model as import_model
    from eyebright.model.plain import Model as Model
    from eyebright.network import Network as Network
    from eyebright.network import zoo as zoo
    from eyebright.report.history import History as History
    from eyebright.runs.heal import heal as heal
    from eyebright.runs.learning_rate import find_learning_rate as find_learning_rate
    from eyebright.runs.new_images import diff as diff
    from eyebright.runs.new_images import drift as drift
    from eyebright.system import errors as errors
    from eyebright.system.errors import EyebrightError as EyebrightError
    from eyebright.tasks.detection.model.detector import Detector as Detector
    from eyebright.tasks.train import train as train
    from eyebright.training.settings import Settings as Settings
    from eyebright.trust.metrics import Evaluation as Evaluation
    from eyebright.trust.prediction import Prediction as Prediction

__version__ = "0.1.0"

_HOMES = {  # where each public name is defined; one without a home is a module itself
    "Classifier": "eyebright.model.classifier",
    "Dataset": "eyebright.data.dataset",
    "Detector": "eyebright.tasks.detection.model.detector",
    "Evaluation": "eyebright.trust.metrics",
    "EyebrightError": "eyebright.system.errors",
    "History": "eyebright.report.history",
    "Model": "eyebright.model.plain",
    "Network": "eyebright.network.graph",
    "Prediction": "eyebright.trust.prediction",
    "Preparation": "eyebright.data.pictures",
    "Settings": "eyebright.training.settings",
    "diff": "eyebright.runs.new_images",
    "drift": "eyebright.runs.new_images",
    "errors": "eyebright.system",
    "find_learning_rate": "eyebright.runs.learning_rate",
    "heal": "eyebright.runs.heal",
    "import_model": "eyebright.model.importing.import_model",
    "network": "eyebright",
    "open_picture": "eyebright.data.pictures",
    "train": "eyebright.tasks.train",
    "zoo": "eyebright.network",
}

__all__ = ["load", *_HOMES]  # noqa: PLE0604 - they are strings


def load(path: str | os.PathLike[str]) -> "Classifier | Detector":
    """Read a model folder, or the model of a run: a `Classifier`, or a `Detector` where it finds objects.

    What `Model.save` wrote, `Model.load` reads.
    """
    from eyebright.tasks.detection.model.card import is_detector

    if is_detector(path):
        from eyebright.tasks.detection.model.detector import Detector

        return Detector.load(path)
    from eyebright.model.classifier import Classifier  # slow to import

    return Classifier.load(path)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'eyebright' has no attribute {name!r}")
    home = _HOMES[name]
    if name in ("errors", "network", "zoo"):
        return importlib.import_module(f"{home}.{name}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
