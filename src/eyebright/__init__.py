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
    from eyebright import errors, network, zoo
    from eyebright.classifier import Classifier
    from eyebright.datasets import Dataset
    from eyebright.errors import EyebrightError
    from eyebright.evaluation import Evaluation
    from eyebright.healing import heal
    from eyebright.inference import Prediction
    from eyebright.network import Network
    from eyebright.pictures import Preparation, open_picture
    from eyebright.plain_model import Model
    from eyebright.rate_finding import find_learning_rate
    from eyebright.runs import train
    from eyebright.training.history import History
    from eyebright.training.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "Classifier": "eyebright.classifier",
    "Dataset": "eyebright.datasets",
    "Evaluation": "eyebright.evaluation",
    "EyebrightError": "eyebright.errors",
    "History": "eyebright.training.history",
    "Model": "eyebright.plain_model",
    "Network": "eyebright.network",
    "Prediction": "eyebright.inference",
    "Preparation": "eyebright.pictures",
    "Settings": "eyebright.training.settings",
    "errors": "",
    "find_learning_rate": "eyebright.rate_finding",
    "heal": "eyebright.healing",
    "load": "",
    "network": "",
    "open_picture": "eyebright.pictures",
    "train": "eyebright.runs",
    "zoo": "",
}

__all__ = [
    "Classifier",
    "Dataset",
    "Evaluation",
    "EyebrightError",
    "History",
    "Model",
    "Network",
    "Prediction",
    "Preparation",
    "Settings",
    "errors",
    "find_learning_rate",
    "heal",
    "load",
    "network",
    "open_picture",
    "train",
    "zoo",
]


def load(path: str | os.PathLike[str]) -> "Classifier":
    """Read a model folder, or the model of a run, as `Classifier.load`; what `Model.save` wrote, `Model.load` reads."""
    from eyebright.classifier import Classifier

    return Classifier.load(path)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'eyebright' has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(importlib.import_module(home), name) if home else importlib.import_module(f"eyebright.{name}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
