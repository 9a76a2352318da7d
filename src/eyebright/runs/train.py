"""train(): the whole way from a folder of images to a run with its model: scan, prepare, split, fit, evaluate, save."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eyebright.data.dataset import Dataset
from eyebright.data.prepare import Prepared, prepare
from eyebright.model.card import Seen
from eyebright.model.classifier import Classifier
from eyebright.model.fitting import fit_prepared, run_started
from eyebright.network import Network, zoo
from eyebright.network.rewrites import with_dropout
from eyebright.report import sinks
from eyebright.report.progress import shown
from eyebright.runs import auto, checks
from eyebright.runs.about import result_table
from eyebright.runs.collect import write_report
from eyebright.runs.figures import draw
from eyebright.runs.folder import NETWORK, Run
from eyebright.runs.opening import default_output, for_promise, open_pictures
from eyebright.runs.options import gather
from eyebright.runs.request import Request
from eyebright.runs.session import session
from eyebright.runs.start import (
    SourceModel,
    Start,
    choose_resize,
    mirrored_by_evidence,
    read_source,
    require_agreement,
    start_from,
    start_named,
)
from eyebright.system import files
from eyebright.system.errors import DataError, SettingsError
from eyebright.system.table import Table
from eyebright.training import trainer
from eyebright.training.budget import watched
from eyebright.training.events.event import Emit, Event, Transient
from eyebright.training.events.results import Evaluated, ModelSaved, PromiseMade, PromiseRefused, Reported
from eyebright.training.events.starting import FitChosen
from eyebright.training.receivers import reporting, to_all
from eyebright.training.settings import Settings
from eyebright.trust.metrics import Evaluation


class Result(NamedTuple):
    """What a run gave.

    Args:
        path: The run's folder.
        classifier: The trained classifier.
        test: How good it is on the test set.
        interrupted: Whether the training was stopped before its end.
    """

    path: Path
    classifier: Classifier
    test: Evaluation
    interrupted: bool

    def as_table(self) -> Table:
        """How good the model is, what the verdict says, and how to go on."""
        return result_table(
            self.path, test=("test accuracy", self.test.headline), options="",
            python='result.classifier.predict("image.jpg")',
            verdicts=[verdict.text for verdict in self.classifier.verdicts], interrupted=self.interrupted,
        )  # fmt: skip

    def __repr__(self) -> str:
        return self.as_table().text()

    def _repr_html_(self) -> str:
        return self.as_table().html()


def train(
    pictures: str | Path | Dataset,
    output: str | Path | None = None,
    *,
    network: str | Network = "",
    exclude: str | Path | Iterable[str] = (),
    settings: Settings | None = None,
    verbose: bool = True,
    callbacks: Iterable[Callable[[Event], None]] = (),
    **options: Any,
) -> Result:
    """Train on a folder of images and keep everything in a run's folder.

    Args:
        pictures: Whatever `Dataset.open` takes, or a data set.
        output: The run's folder, which must not exist yet; by default the name of the images and "_run".
        network: A name from the zoo, the path of a network's JSON, a network, or "auto".
        exclude: Names of images to leave out, as `Audit.to_exclude` gives them, or the path of an audit.json.
        settings: How to train; the defaults unless given.
        verbose: Whether to show the progress and the result, as `eyebright train` does.
        callbacks: Receive every event as it happens.
        **options: Any other option of `eyebright train` by its name, such as `minutes=5`, `epochs=20`, `size=96`,
            `weights="published"`, `learning_rate=1e-3`. `Request` and `Settings` describe them all.

    Raises:
        DataError: When the images cannot be trained on.
        NetworkError: When the network does not exist, does not take the images, or the weights do not fit.
        DownloadError: When published weights are not available.
        SettingsError: When an option is unknown, out of range, or contradicts another.
        ModelError: When there is no valid model to start from.
        MissingExtraError: When torch is not installed.
        OutputError: When the output cannot be written; this is found before the training.
    """
    asked = {"from" if name == "start_from" else name: value for name, value in options.items() if value is not None}
    if isinstance(exclude, str | Path):
        asked["exclude"] = str(exclude)
    elif exclude:
        asked["excluded"] = tuple(sorted(exclude))
    if network:
        asked["network"] = network if isinstance(network, str) else NETWORK
    for name in ("weights", "from", "split", "corrections"):
        asked |= {name: str(asked[name])} if name in asked else {}
    if isinstance(pictures, Dataset) and asked.keys() & {"group_by", "split", "exclude", "excluded", "corrections"}:
        raise SettingsError("a Dataset already has its groups, split and images: give these options to Dataset.open")
    asked |= {} if output is None else {"output": str(output)}
    request = gather(asked, base=settings)
    given = network if isinstance(network, Network) else None
    if not isinstance(pictures, Dataset):
        files.as_path(pictures, "a Dataset, or a folder, a file or an address of images", DataError)
    request = request.changed(pictures="" if isinstance(pictures, Dataset) else str(pictures))
    dataset = pictures if isinstance(pictures, Dataset) else None
    with shown(callbacks, verbose=verbose) as emit:
        return run_request(request, dataset, given, callbacks=[emit])


def run_request(
    request: Request,
    dataset: Dataset | None = None,
    network: Network | None = None,
    *,
    callbacks: Iterable[Callable[[Event], None]] = (),
) -> Result:
    """Do what a request asks for; errors as in `train`.

    Args:
        request: Everything that is asked for.
        dataset: The images, where they are open already.
        network: The network, where it is given as such.
        callbacks: Receive every event as it happens.
    """
    started_at, found = time.monotonic(), list[Event]()
    checks.require_sound(request)
    emit = watched(to_all(callbacks), request.training.minutes, started_at)

    def later(event: Event) -> None:
        """Show progress now, and what was tried after what was found."""
        (emit if isinstance(event, Transient) else found.append)(event)

    run = Run(request.output or default_output(request.pictures if dataset is None else dataset))
    run.require_free(overwrite=request.overwrite)
    sinks.require(request.log)
    source = read_source(request.start_from, request.start_sha256) if request.start_from else None
    if source is not None:
        checks.require_source_kept(source, run.path)
    dataset = open_pictures(request, emit) if dataset is None else for_promise(dataset, request)
    checks.require_corrections(dataset, later)
    dataset.require_trainable()
    checks.require_place(run.path, dataset)
    checks.require_test(dataset)
    trainer()  # a missing torch is found before the work
    start, prepared, resized = _begin(run, dataset, request, source, network, later, started_at)
    start = start._replace(network=with_dropout(start.network, request.dropout))
    resolved = _resolved(request, start, source, prepared)
    seen = Seen() if source is None else source.card.seen
    if request.promise:
        checks.require_promise(request.promise, prepared, seen)
    kept = start.weights if start.keep else None
    run.create(resolved, start.network, overwrite=request.overwrite, seen=seen, start=kept, corrected=dataset.corrected)
    classifier = Classifier(
        start.network, dataset.classes, weights=start.weights, resize=resized.fit, seed=start.settings.seed
    )
    classifier.seen = seen
    with run.removed_if_refused():
        return finish(
            run, resolved, classifier, prepared, emit, started_at=started_at, title=start.name, found=[*found, resized]
        )


def _begin(
    run: Run,
    dataset: Dataset,
    request: Request,
    source: SourceModel | None,
    network: Network | None,
    emit: Emit,
    started_at: float,
) -> tuple[Start, Prepared, FitChosen]:
    """What the training starts from, the prepared images, and how they are resized; what is wrong is refused here."""
    if request.automatic:
        resized = choose_resize(dataset, request.resize)
        start, prepared = auto.choose(dataset, resized.fit, request, emit, started_at=started_at)
        checks.require_space(run.path, start.network)
        return start, prepared, resized
    if source is None:
        start = start_named(dataset, request, emit, network)
        resized = choose_resize(dataset, request.resize, start.network)
    else:
        require_agreement(source, request, network)
        known = tuple(dataset.classes) == source.card.classes  # then the model may be better than what comes of it
        training = request.with_recipe({"keep_start_if_better": True}) if known else request.training
        start = start_from(source, dataset.classes, training)
        resized = choose_resize(dataset, source.card.preparation.fit, start.network)
    checks.require_space(run.path, start.network)
    seen = None if source is None else source.card.seen.contains
    prepared = prepare(dataset, start.preparation(resized.fit), seen=seen, report=reporting(emit))
    if source is not None:
        checks.require_new_test(source, prepared)
    if not request.mirror:
        start = start._replace(settings=mirrored_by_evidence(prepared, start.settings, emit))
    return start, prepared, resized


def _resolved(request: Request, start: Start, source: SourceModel | None, prepared: Prepared) -> Request:
    """The request as config.toml repeats it: everything that was chosen or found is in it."""
    dataset = prepared.dataset
    return request.changed(
        pictures=dataset.address or str(dataset.origin or dataset.source.identity),
        split=str(Path(request.split).absolute()) if request.split else "",
        excluded=tuple(sorted(request.names_left_out())),
        corrections="" if dataset.corrected is None else Run(".").corrections.name,
        network=start.name if start.name in zoo.NETWORKS else NETWORK,
        weights=Run(".").start.name if start.keep else request.weights,
        start_from="" if source is None else str(source.path),
        start_sha256="" if source is None else source.sha256,
        size=start.network.input_shape[-1],
        resize=prepared.pack.preparation.fit,
        validation=dataset.shares[0],
        test=dataset.shares[1],
        split_seed=dataset.seed,
        training=start.settings,
    )


def finish(
    run: Run,
    request: Request,
    classifier: Classifier,
    prepared: Prepared,
    emit: Emit,
    *,
    started_at: float,
    title: str = "",
    found: Sequence[Event] = (),
    earlier: list[Event] | None = None,
) -> Result:
    """Fit, evaluate and save, from the start or, where there are earlier events, from the checkpoint.

    Args:
        run: The run, whose folder exists.
        request: Its resolved request.
        classifier: What is trained.
        prepared: The images.
        emit: Receives every event.
        started_at: When the budget of time started, on `time.monotonic`.
        title: The network's name, for people.
        found: Events from before the run had a log, not yet emitted.
        earlier: The events of a training that was interrupted.

    Raises:
        OutputError: When the disk is full, for example; what was trained before is kept.
        SettingsError: When another process trains in the run's folder.
    """
    with session(run, request, classifier.network, emit, earlier) as emit:
        if earlier is None:
            run.write_split(prepared)
            run.write_left_out(prepared.pack.left_out)
            emit(run_started(classifier, prepared, pictures=request.pictures, title=title or request.network))
        for event in found:
            emit(event)
        classifier.settings = request.training
        reason = fit_prepared(
            classifier, prepared, emit=emit, started_at=started_at, checkpoint=run.checkpoint, earlier=earlier,
            on_settled=lambda settings: run.write_config(request.changed(training=settings)),
            promise=request.promise,
        )  # fmt: skip
        if request.promise:
            emit(_promised(classifier, request.promise))
        tested = classifier.test(prepared, emit)
        emit(Evaluated.of("test", tested.evaluation, classifier.metrics["validation"]))
        logged = run.read_events()
        emit(draw(run, logged, classifier, prepared, tested))
        emit(Reported(path=str(write_report(run, logged, classifier, prepared, tested))))
        card = classifier.save(run.model, overwrite=True)  # last: with its event the run is complete
        emit(ModelSaved(path=str(run.model), weights_sha256=card.sha256["weights.safetensors"]))
    return Result(run.path, classifier, tested.evaluation, interrupted=reason == "interrupted")


def _promised(classifier: Classifier, promise: str) -> PromiseMade | PromiseRefused:
    """Let a trained classifier promise what was asked for, if its held-back answers prove it."""
    try:
        made = classifier.promise(promise)
    except DataError as problem:
        return PromiseRefused(promise=promise, reason=str(problem))
    return PromiseMade(promised=made, text=made.text)
