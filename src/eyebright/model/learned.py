"""Learned: what a training found out about the weights of a classifier; with them it goes to a folder and back."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eyebright.model.card import FORMAT, Calibration, ModelCard, Provenance, readme, with_promise
from eyebright.model.folder import README, StoredModel, write_model
from eyebright.model.golden import Golden, golden_pictures
from eyebright.model.reference import Reference
from eyebright.network.answering import Answering
from eyebright.report.history import History
from eyebright.system import files, machine, records
from eyebright.system.errors import ModelError
from eyebright.training.settings import RENAMED, Settings
from eyebright.trust.metrics import Evaluation
from eyebright.trust.promise import HeldBack, Promised
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
        promise: What the answers keep, where something is promised.
        imported: The file that the weights were imported from, and who wrote it; "" if they were trained here.
    """

    calibration: Calibration = Calibration(temperature=1.0, error_before=0.0, error_after=0.0)
    metrics: dict[str, Evaluation] = {}
    verdicts: tuple[Verdict, ...] = ()
    history: History = History()
    reference: Reference = Reference()
    promise: Promised | None = None
    imported: str = ""

    @property
    def answering(self) -> Answering:
        """How the graph comes from logits to an answer."""
        thresholds = None if self.promise is None else self.promise.thresholds
        return Answering(self.calibration.temperature, self.reference.unknown, thresholds)

    def promising(self, promise: Promised, held_back: HeldBack | None) -> "Learned":
        """The same with a promise that rests on these answers; metrics of answers without it are left out."""
        without = {"promise": None, "answered": None, "answered_correctly": None}
        return msgspec.structs.replace(
            self,
            promise=promise,
            reference=self.reference._replace(held_back=held_back),
            metrics={side: msgspec.structs.replace(each, **without) for side, each in self.metrics.items()},
        )

    @classmethod
    def of_model(cls, stored: StoredModel) -> "Learned":
        """What a model folder says; a `ModelError` where it is not valid."""
        what = f"metrics of {stored.path}"
        return cls(
            calibration=stored.card.calibration,
            metrics=records.from_builtins(stored.card.metrics, dict[str, Evaluation], what=what, error=ModelError),
            history=stored.history(History),
            reference=stored.reference,
            promise=stored.card.promise,
            imported=stored.card.provenance.imported,
        )


def settings_of(stored: StoredModel) -> Settings:
    """The settings of the training of a model; a `ModelError` where they are not valid."""
    settings = {RENAMED.get(name, name): value for name, value in stored.card.provenance.settings.items()}
    return records.from_builtins(settings, Settings, what=f"settings of {stored.path}", error=ModelError)


def save_model(classifier: "Classifier", path: Path, *, overwrite: bool) -> ModelCard:
    """Write the model folder of a classifier; see `Classifier.save`."""
    learned, settings = classifier.learned, classifier.settings
    card = ModelCard(
        classes=classifier.classes,
        network=classifier.network.to_dict(),
        preparation=classifier.preparation,
        calibration=learned.calibration,
        metrics=msgspec.to_builtins(learned.metrics),
        seen=classifier.seen,
        promise=learned.promise,
        provenance=Provenance(
            seed=settings.seed,
            versions=machine.versions(),
            settings=msgspec.to_builtins(settings),
            imported=learned.imported,
        ),
    )
    text = readme(card, [verdict.text for verdict in learned.verdicts])
    return _write(classifier, path, card, text, overwrite=overwrite)


def save_promise(classifier: "Classifier", stored: StoredModel) -> ModelCard:
    """Write a model again with what its classifier promises now; what it says otherwise stays, also in README.md."""
    learned, path = classifier.learned, stored.path
    card = msgspec.structs.replace(
        stored.card, format=FORMAT, promise=learned.promise, seen=classifier.seen,
        metrics=msgspec.to_builtins(learned.metrics),
    )  # fmt: skip
    with files.read_errors(path / README, ModelError):
        text = (path / README).read_text("utf-8") if (path / README).is_file() else readme(card)
    return _write(classifier, path, card, with_promise(text, card), overwrite=True, kept=path)


def _write(
    classifier: "Classifier", path: Path, card: ModelCard, text: str, *, overwrite: bool, kept: Path | None = None
) -> ModelCard:
    sources, prepared = golden_pictures(classifier.preparation)
    answers = classifier.predictor.answers(prepared)._asdict()
    golden = Golden(sources, prepared, {name: values for name, values in answers.items() if values is not None})
    return write_model(
        path, card, classifier.get_weights(), classifier.to_onnx(), golden, classifier.learned.reference,
        classifier.learned.history, text, overwrite=overwrite, kept=kept,
    )  # fmt: skip
