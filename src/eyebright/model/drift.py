"""Are new images like those that a model was trained with?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import seed_of
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack, pack
from eyebright.data.prepare import find_sets, groups_of
from eyebright.data.sources.source import Subset
from eyebright.data.unlabelled import NOT_KNOWN, UNLABELLED, Alike, open_images
from eyebright.model.assess import measured, with_features
from eyebright.model.folder import StoredModel, read_model
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.model.profile import NetworkOutputs, profile
from eyebright.system.errors import DataError, ModelError
from eyebright.system.files import as_path
from eyebright.system.text import all_of, printable
from eyebright.training.events.event import Emit
from eyebright.training.receivers import reporting
from eyebright.trust.drift import Drift, Profile, Unfamiliar, compare_profiles
from eyebright.trust.significance import LARGE

MOST = 2_000
"""New images that are compared, where there are more: the reference has at most 500, which limits what can be found."""
_SHOWN = 10


def drifted(
    model: str | Path, pictures: str | Path | Sequence[str | Path], emit: Emit, alike: Alike = NOT_KNOWN
) -> Drift:
    """Compare new images with those of a training; arguments and errors as in `eyebright.runs.new_images.drift`.

    Args:
        model: The folder of a model or of a run.
        pictures: Files or folders of images, or whatever `Dataset.open` takes.
        emit: Receives the progress.
        alike: How the training saw its images.
    """
    paths, report = [pictures] if isinstance(pictures, str | Path) else pictures, reporting(emit)
    stored = read_model(as_path(model, "the folder of a model or of a run", ModelError))
    reference, note = _reference(stored)
    whole = open_images(paths, alike=alike, report=report)
    dataset = _sample(whole)
    images = pack(dataset.source, stored.card.preparation, report)
    usable = np.flatnonzero(images.rows >= 0)
    seen = stored.card.seen.contains(images.digests.at(usable))
    chosen = usable[~seen]
    if not len(chosen):
        why = f"the model was trained on {all_of(len(usable), 'image')}" if len(usable) else "none can be opened"
        raise DataError(f"there are no new images to compare ({why}): give images that are new to the model")
    numbers = groups_of(dataset, find_sets(dataset, images, report))
    groups = np.arange(len(chosen)) if numbers is None else numbers[chosen]
    report("evaluating", 0, len(chosen))
    new = _profile(stored, images, chosen, groups)
    measures, deals = compare_profiles(reference, new, stored.card.classes)
    names = [dataset.source.names[index] for index in chosen.tolist()]
    return Drift(
        pictures=len(chosen),
        found=len(whole),
        reference=len(reference.groups),
        groups=deals.groups,
        findable=deals.findable(len(measures)),
        enough=deals.enough(len(measures), LARGE),
        measures=measures,
        unfamiliar=_most_unfamiliar(names, new.unfamiliarity),
        seen=int(seen.sum()),
        left_out=len(images.left_out),
        note=note,
    )


def _reference(stored: StoredModel) -> tuple[Profile, str]:
    """The profile of a model's validation images; of an older model, what its card says, and a note about that."""
    found = stored.reference.profile
    if found is not None:
        if len({len(values) for values in found}) != 1:
            raise ModelError(f"{stored.path} is damaged: the parts of its profile differ in length")
        return found, ""
    evaluation = stored.card.metrics.get("validation")
    if evaluation is None:
        raise ModelError(f"{stored.path} was not trained: there is nothing to compare images with")
    counts = np.array(evaluation["confusion"], np.int64).sum(axis=0)
    return Profile.of_predictions(np.repeat(np.arange(len(counts)), counts)), (
        "An older version of eyebright has saved this model: only the shares of the predicted classes can be compared, "
        "as if all images were independent. Train it again to compare how images look and what the network sees."
    )


def _sample(dataset: Dataset) -> Dataset:
    """At most `MOST` of the images, always the same."""
    if len(dataset) <= MOST:
        return dataset
    order = np.random.default_rng(seed_of("drift")).permutation(len(dataset))
    kept = np.sort(order[:MOST])
    groups = None if dataset.groups is None else dataset.groups[kept]
    return Dataset(Subset(dataset.source, kept.tolist()), (UNLABELLED,), np.zeros(len(kept), np.int64), groups=groups)


def _profile(stored: StoredModel, images: Pack, chosen: NDArray[np.int64], groups: NDArray[np.int64]) -> Profile:
    """What the model sees in new images; of an older model, only the classes."""
    familiar = stored.reference.unknown
    if familiar is None:
        predictor = Predictor.of_model(stored)
        batches = (chosen[at : at + BATCH_SIZE] for at in range(0, len(chosen), BATCH_SIZE))
        found = [predictor.probabilities(images.read(here)).argmax(axis=1) for here in batches]
        return Profile.of_predictions(np.concatenate(found), groups)
    seen = measured(with_features(stored.network, stored.weights()), images, chosen)
    scaled = seen.logits / stored.card.calibration.temperature
    return profile(images, chosen, groups, NetworkOutputs(scaled, seen.features), familiar)


def _most_unfamiliar(names: Sequence[str], unfamiliarity: NDArray[np.floating]) -> tuple[Unfamiliar, ...]:
    """The images that get no answer for being unlike the training images, the most unlike first."""
    order = np.argsort(-unfamiliarity, kind="stable")[:_SHOWN].tolist()
    return tuple(
        Unfamiliar(name=printable(names[index]), unfamiliarity=float(unfamiliarity[index]))
        for index in order
        if unfamiliarity[index] > 1
    )
