"""Request: everything that a training may be asked for, defined once.

The options of `eyebright train`, the keyword arguments of `eyebright.train`, config.toml and the tables in
docs/training.md are all made from these fields, their types, defaults and descriptions. A run's config.toml holds the
same request with everything resolved: what was measured, chosen or found.
"""

import inspect
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import tomli_w

from eyebright.system import records
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import nearest
from eyebright.training.habits import refuse_habits
from eyebright.training.settings import AUGMENTATIONS, Settings

AUTO = "auto"
IN_MEMORY = "arrays "
"""How `pictures` starts in the config.toml of a run on images in memory."""
Resize: TypeAlias = Literal["auto", "crop", "pad", "stretch"]
Task: TypeAlias = Literal["auto", "classify", "detect"]
Unlabelled: TypeAlias = Literal["refuse", "background"]
SETTINGS = frozenset(Settings.__struct_fields__)
"""The fields of `training`, which stand among the others in config.toml and on the command line."""
ONLY_ASKED = frozenset({"output", "augment", "exclude", "exclude_kinds", "mirror", "overwrite", "given"})
"""Fields that say how a request is made or where the run goes; config.toml does not repeat them."""

_REPLACED = {  # a typed option replaces these in the file
    "augment": (*AUGMENTATIONS,), "exclude": ("excluded",), "from": ("start_sha256",), "seed": ("split_seed",),
    "split": ("validation", "test"), "epochs": ("extended_at", "minutes"), "minutes": ("extended_at", "epochs"),
}  # fmt: skip
_EXCLUSIVE = {"augment": (*AUGMENTATIONS,), "exclude": ("excluded",)}  # use only one of them in a file
_PATHS = ("pictures", "output", "split", "exclude", "corrections", "from")


class Request(Record, frozen=True, kw_only=True):
    r"""What a training is asked for.

    Args:
        pictures: A folder with one folder of images for each class; a table (CSV, TSV, JSONL, Parquet), an .npz file,
            IDX files or tar shards; or the address of tar shards (s3://, gs://, https://).
        output: The folder of the run, which must not exist yet. By default the name of the images and "_run", in the
            current folder.
        task: What is learned: the class of an image ("classify"), or where objects are and what they are ("detect").
            "auto" detects where the images come with boxes.
        network: A network's name, a file with its JSON, or "auto": a published network gets a new head and, where
            minutes or epochs are given, is tuned further; for small images and minutes a compact network trained from
            scratch is tried too.
        weights: The initial weights: "published" (trained on ImageNet) or a file. Random unless given. A last layer for
            other classes is initialised again.
        start_from: Start from this trained model or run, also with other classes. Its network, size and resizing are
            used; images that it was trained on are never in the new test set.
        start_sha256: The expected SHA-256 of the weights of the model to start from.
        size: Height and width of the images in pixels. By default typical for the images, 24 to 180; up to 224 for
            "auto"; with published weights, the size that they were trained at.
        dropout: The least probability of dropout: raises that of the network's dropout layers, or adds one before its
            last layer.
        resize: How images of other proportions are resized: "crop", "pad" or "stretch". "auto" crops unless much of the
            image would be lost.
        augment: How training images are changed, such as flip,zoom=0.2; all other changes are off. Known are flip,
            rotation, zoom, shift, shear, brightness, contrast, saturation, hue, erasing, mixup, cutmix and none. Unless
            given, the settings with these names apply.
        validation: Share of the images in the validation set, which picks the best epoch and the temperature.
        test: Share of the images in the test set, which is only used to measure the result.
        split_seed: The seed of the split; `seed` unless given.
        group_by: A regular expression for the group in an image's name, such as `(\d+)_\d+\.ppm`. Images of one group
            stay in the same split.
        split: A file with the split to use, such as split.csv of another run.
        exclude: An audit.json: leave out the images that the audit found.
        exclude_kinds: The kinds of findings that `exclude` leaves out, separated by commas.
        excluded: Names of images to leave out.
        corrections: A corrections file, as the page of `eyebright audit` saves it: images get their new classes, are
            left out, or are kept whatever `exclude` says. No file is moved.
        promise: What the answers must keep: accuracy=0.99 (of those that are given), coverage=0.95 (of sets of labels),
            or accuracy-per-class=0.95; of a detector recall=0.95 (of the objects in an image). Half of the validation
            set is held back for it and picks nothing.
        unlabelled: For a detector, what images without a label file are: an error ("refuse"), or images without objects
            ("background").
        one_class: Train a detector that finds objects of all classes as one class, "object".
        log: Also log the epochs to csv, tensorboard or both, separated by commas.
        mirror: Mirror images if `flip` is on, without a check. Otherwise they are mirrored only if that does no harm.
        overwrite: Replace an existing run. It is kept until the new model is saved.
        given: Names of the settings that were given, also where their values are the defaults.
        training: How to train.

    Raises:
        SettingsError: When a value has the wrong type.
    """

    pictures: str = ""
    output: str = ""
    task: Task = "auto"
    network: str = AUTO
    weights: str = ""
    start_from: str = msgspec.field(default="", name="from")
    start_sha256: str = ""
    size: int | None = None
    dropout: float = 0.0
    resize: Resize = "auto"
    augment: str = ""
    validation: float = 0.15
    test: float = 0.15
    split_seed: int | None = None
    group_by: str = ""
    split: str = ""
    exclude: str = ""
    exclude_kinds: str = "exact duplicates,near-duplicates,conflicting labels"
    excluded: tuple[str, ...] = ()
    corrections: str = ""
    promise: str = ""
    unlabelled: Unlabelled = "refuse"
    one_class: bool = False
    log: tuple[str, ...] = ()
    mirror: bool = False
    overwrite: bool = False
    given: frozenset[str] = frozenset()
    training: Settings = Settings()

    @property
    def in_memory(self) -> bool:
        """Whether this is the request of a run on images in memory."""
        return self.pictures.startswith(IN_MEMORY)

    @property
    def automatic(self) -> bool:
        """Whether the network is to be found."""
        return self.network in ("", AUTO) and not self.start_from

    def changed(self, **changes: Any) -> "Request":
        """The request with some fields changed; names of settings change `training`."""
        settings = {name: changes.pop(name) for name in SETTINGS & changes.keys()}
        training = changes.pop("training", self.training)
        return msgspec.structs.replace(self, **changes, training=training.changed(settings) if settings else training)

    def with_recipe(self, recipe: Mapping[str, Any]) -> Settings:
        """The settings, with those of a recipe in place of the ones that were not given."""
        usual = Settings()
        open_ = {name for name in recipe if getattr(self.training, name) == getattr(usual, name)} - self.given
        return self.training.changed({name: recipe[name] for name in recipe if name in open_})

    def names_left_out(self) -> set[str]:
        """Names of the images to leave out; errors as in reading audit.json."""
        if not self.exclude:
            return set(self.excluded)
        from eyebright.data.audit.findings import KINDS, RENAMED, load

        kinds = _words(self.exclude_kinds)
        for kind in kinds:
            if kind not in KINDS and kind not in RENAMED:
                raise SettingsError(f"exclude_kinds: there is no finding {kind!r}: {nearest(kind, list(KINDS))}")
        return load(Path(self.exclude)).to_exclude(kinds)

    def to_toml(self) -> str:
        """The content of config.toml: flat, with the names of the options."""
        data = msgspec.to_builtins(self)
        flat = {name: value for name, value in (data | data.pop("training")).items() if value is not None}
        return tomli_w.dumps({name: value for name, value in flat.items() if name not in ONLY_ASKED})


_NO_OPTIONS = ("given", "training")
FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Request) if field.name not in _NO_OPTIONS}
"""The fields of a request beside its settings, by the names of the options."""
_KNOWN = [*FIELDS, *sorted(SETTINGS)]


def gather(typed: Mapping[str, Any], config: Path | None = None, *, base: Settings | None = None) -> Request:
    """Put a request together.

    Args:
        typed: The options that are given, by the names of the options; "set" may hold a list of NAME=VALUE.
        config: A flat TOML file with the same names; `typed` wins. Paths in it are relative to its folder.
        base: Settings to start from; the defaults unless given.

    Raises:
        SettingsError: When a name is unknown (the nearest is named), a value has the wrong type or is out of range, or
            two options contradict each other.
    """
    typed = renamed(typed)
    if unknown := next((name for name in typed if name not in (*_KNOWN, "set")), None):
        refuse_habits([unknown])
        raise SettingsError(f"there is no option {unknown!r}: {nearest(unknown, _KNOWN)}")
    if {"minutes", "epochs"} <= typed.keys():
        raise SettingsError("minutes and epochs contradict each other: use only one of them")
    if typed.get("output") == "":
        raise SettingsError("output is empty: give the folder of the run, or leave it out")
    if typed.get("minutes") == 0:
        raise SettingsError("minutes must be above 0; without minutes there is no limit")
    replaced = {other for name in typed for other in _REPLACED.get(name, ())}
    found = {} if config is None else {key: value for key, value in _read(config).items() if key not in replaced}
    asked = found | {name: value for name, value in typed.items() if name != "set"}
    if isinstance(log := asked.get("log"), str | list):
        asked["log"] = _words(log if isinstance(log, str) else ",".join(map(str, log)))
    settings = {name: asked.pop(name) for name in SETTINGS & asked.keys()}
    asked.setdefault("mirror", "flip" in settings or "augment" in asked)  # who names it wants it
    what = "the options" if config is None else f"{config} with the options"
    request: Request = records.from_builtins(asked, Request, what=what, error=SettingsError)
    if request.size is not None and request.size < 1:
        raise SettingsError(f"size must be 1 pixel or more, got {request.size}; without size, it is found")
    if "augment" in asked:
        settings |= augmentation(request.augment)
    given = frozenset(settings) | {_setting(text) for text in typed.get("set") or ()}
    if request.automatic and base is None:  # only a head is trained unless more is asked for
        settings.setdefault("epochs", 0)
    training = with_settings((base or Settings()).changed(settings), typed.get("set") or ())
    return msgspec.structs.replace(request, training=training, given=given)


def read_config(path: Path) -> Request:
    """The request in a run's config.toml.

    Raises:
        SettingsError: When it cannot be read, a name in it is unknown, or a value is not valid.
    """
    data = renamed(read_toml(path), silently=True)
    training = {name: data.pop(name) for name in SETTINGS & data.keys()}
    return records.from_builtins(data | {"training": training}, Request, what=str(path), error=SettingsError)


def read_toml(path: Path) -> dict[str, Any]:
    """A flat file of settings; older runs have a table `training`.

    Raises:
        SettingsError: When it cannot be read, or holds other tables.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"{path} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:  # of the text, or of its encoding
        raise SettingsError(f"{path} cannot be read: {problem}; expected lines such as epochs = 30") from problem
    training = data.pop("training", {})
    found = data | (training if isinstance(training, dict) else {"training": training})
    for name, value in found.items():
        if isinstance(value, dict):
            raise SettingsError(f"{path} contains a table, {name!r}: expected only lines such as epochs = 30")
    return found


def with_settings(settings: Settings, given: Iterable[str]) -> Settings:
    """The settings with those changed that the texts name.

    Args:
        settings: The settings.
        given: Each as NAME=VALUE; several values are separated by commas.

    Raises:
        SettingsError: When a text has another form, its name is unknown (the nearest is named), or its value is not
            valid.
    """
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    changes = {}
    for text in given:
        name, (_, equals, value) = _setting(text), text.partition("=")
        if not equals:
            raise SettingsError(f"--set {text}: expected NAME=VALUE, such as --set ema=0.999")
        if name not in kinds:
            raise SettingsError(f"--set {text}: there is no setting {name!r}: {nearest(name, list(kinds))}")
        several = isinstance(getattr(settings, name), tuple)
        try:
            changes[name] = msgspec.convert(_words(value) if several else value.strip(), kinds[name], strict=False)
        except msgspec.ValidationError as problem:
            raise SettingsError(f"--set {text}: {problem}") from problem
    return settings.changed(changes)


def _setting(text: str) -> str:
    """The name in NAME=VALUE."""
    return text.partition("=")[0].strip().replace("-", "_")


def augmentation(text: str) -> dict[str, bool | float]:
    """The settings that a text such as "flip,rotation=0.1,zoom" stands for; changes that it does not name are off.

    Raises:
        SettingsError: When a change is unknown, or its strength is not a number.
    """
    found: dict[str, bool | float] = {name: type(named)(0) for name, (_, named) in AUGMENTATIONS.items()}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name in ("", "none"):
            continue
        if name not in found or (name == "flip" and value):
            raise SettingsError(f"augment: {part.strip()!r} is unknown; known are {', '.join(found)}, none")
        try:
            found[name] = type(found[name])(value) if value else AUGMENTATIONS[name][1]
        except ValueError as problem:
            raise SettingsError(f"augment: {value!r} in {part.strip()!r} is not a number") from problem
    return found


def descriptions(kind: type) -> dict[str, str]:
    """What the docstring of a class says of each of its arguments."""
    lines = (inspect.getdoc(kind) or "").split("\nArgs:\n")[1].split("\n\n")[0].split("\n")
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith("    ") and not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        else:
            found[name] += " " + line.strip()
    return found


def table(kind: type = Request) -> str:
    """The options of a request or the settings as a table in Markdown, for the docs."""
    said = descriptions(kind)
    fields = [field for field in msgspec.structs.fields(kind) if field.name not in _NO_OPTIONS]
    rows = [f"| `{field.encode_name}` | `{_shown(field.default)}` | {said[field.name]} |" for field in fields]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _shown(default: Any) -> str:
    return str(list(default)) if isinstance(default, tuple) else "none" if default in ("", None) else str(default)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def renamed(options: Mapping[str, Any], *, silently: bool = False) -> dict[str, Any]:
    """The options with today's names, with a `FutureWarning` about old ones.

    Raises:
        SettingsError: When an option is given by its old name and by its new one.
    """
    found = dict(options)
    if "fit" in found:
        if "resize" in found:
            raise SettingsError("fit is the old name of resize: use only resize")
        if not silently:
            warnings.warn("the option fit is now called resize", FutureWarning, stacklevel=4)
        found["resize"] = found.pop("fit")
    return found


def _read(config: Path) -> dict[str, Any]:
    """The options in a file: names with underscores, paths as seen from anywhere."""
    from eyebright.network import zoo

    found: dict[str, Any] = {}
    for written, value in renamed(read_toml(config), silently=True).items():
        name = written.replace("-", "_")
        if name not in _KNOWN:
            raise SettingsError(f"{config}: there is no option {written!r}: {nearest(name, _KNOWN)}")
        if name in found:
            raise SettingsError(f"{config}: {written!r} is there twice, with - and with _: use only one")
        found[name] = value
    for name, others in _EXCLUSIVE.items():
        for other in others:
            if name in found and other in found:
                raise SettingsError(f"{config}: {name} and {other} contradict each other: use only one of them")
    if str(found.get("pictures", "")).startswith(IN_MEMORY):
        raise SettingsError(f"{config} belongs to a run on images in memory, which cannot be read from the disk again")
    for name in _PATHS:
        found |= {name: _absolute(config, found[name])} if found.get(name) else {}
    if found.get("network", "") not in ("", AUTO, *zoo.NETWORKS) and _is_path(config, found["network"]):
        found["network"] = _absolute(config, found["network"])
    if found.get("weights", "") not in ("", zoo.PUBLISHED):
        found["weights"] = _absolute(config, found["weights"])
    return found


def _is_path(config: Path, network: object) -> bool:
    return str(network).endswith(".json") or (config.parent / str(network)).is_file()


def _absolute(config: Path, path: object) -> object:
    """A path in a file, which is relative to the file's folder; values of other types are refused later."""
    return str(config.absolute().parent / path) if isinstance(path, str) and "://" not in path else path
