"""Learned: what a training found out about the weights of a classifier; with them it goes to a folder and back."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eyebright.model.card import Calibration, ModelCard, Provenance, readme
from eyebright.model.folder import StoredModel, write_model
from eyebright.model.golden import Golden, golden_pictures
from eyebright.model.reference import Reference
from eyebright.network.answering import Answering
from eyebright.report.history import History
from eyebright.system import machine, records
from eyebright.system.errors import ModelError
from eyebright.training.settings import Settings
from eyebright.trust.metrics import Evaluation
from eyebright.trust.verdict import Verdict

if TYPE_CHECKING:
    from eyebright.model.classifier import Classifier


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about weights; it does not outlive them.

    Args:
        calibration: The temperature and its effect.
        metrics: The evaluations: "validation" and, if there was one, "test".
        verdicts: What the figures of the training show, most important first.
        history: Losses and accuracies of each epoch.
        reference: What images are compared with.
    """

    calibration: Calibration = Calibration(temperature=1.0, error_before=0.0, error_after=0.0)
    metrics: dict[str, Evaluation] = {}
    verdicts: tuple[Verdict, ...] = ()
    history: History = History()
    reference: Reference = Reference()

    @property
    def answering(self) -> Answering:
        """How the graph comes from logits to an answer."""
        return Answering(self.calibration.temperature, self.reference.unknown)

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Learned":
        """What a model folder says; a `ModelError` where it is not valid."""
        what = f"metrics of {stored.path}"
        return cls(
            calibration=stored.card.calibration,
            metrics=records.from_builtins(stored.card.metrics, dict[str, Evaluation], what=what, error=ModelError),
            history=stored.history(History),
            reference=stored.reference,
        )


def settings_of(stored: StoredModel) -> Settings:
    """The settings of the training of a model; a `ModelError` where they are not valid."""
    settings = stored.card.provenance.settings
    return records.from_builtins(settings, Settings, what=f"settings of {stored.path}", error=ModelError)


def save_model(classifier: "Classifier", path: Path, *, overwrite: bool) -> ModelCard:
    """Write the model folder of a classifier; see `Classifier.save`."""
    learned, settings, graph = classifier.learned, classifier.settings, classifier.to_onnx()
    card = ModelCard(
        classes=classifier.classes,
        network=classifier.network.to_dict(),
        preparation=classifier.preparation,
        calibration=learned.calibration,
        metrics=msgspec.to_builtins(learned.metrics),
        seen=classifier.seen,
        provenance=Provenance(seed=settings.seed, versions=machine.versions(), settings=msgspec.to_builtins(settings)),
    )
    sources, prepared = golden_pictures(classifier.preparation)
    answers = classifier.predictor.answers(prepared)._asdict()
    golden = Golden(sources, prepared, {name: values for name, values in answers.items() if values is not None})
    text = readme(card, [verdict.text for verdict in learned.verdicts])
    return write_model(
        path, card, classifier.get_weights(), graph, golden, learned.reference, learned.history, text,
        overwrite=overwrite,
    )  # fmt: skip
