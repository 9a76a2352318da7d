"""Request: everything that a training may be asked for, defined once.

The options of `eyebright train`, the keyword arguments of `eyebright.train` (both read by `runs.options`), config.toml
and the tables in docs/settings.md are all made from these fields, their types, defaults and descriptions. A run's
config.toml holds the same request with everything resolved: what was measured, chosen or found.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import tomli_w

from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import comma_separated, nearest
from eyebright.training.settings import Settings

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
        from eyebright.data.audit.findings import FINDING_KINDS, RENAMED, load

        kinds = comma_separated(self.exclude_kinds)
        for kind in kinds:
            if kind not in FINDING_KINDS and kind not in RENAMED:
                raise SettingsError(
                    f"exclude_kinds: there is no finding {kind!r}: {nearest(kind, list(FINDING_KINDS))}"
                )
        return load(Path(self.exclude)).to_exclude(kinds)

    def to_toml(self) -> str:
        """The content of config.toml: flat, with the names of the options."""
        data = msgspec.to_builtins(self)
        flat = {name: value for name, value in (data | data.pop("training")).items() if value is not None}
        return tomli_w.dumps({name: value for name, value in flat.items() if name not in ONLY_ASKED})


_NO_OPTIONS = ("given", "training")
FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Request) if field.name not in _NO_OPTIONS}
"""The fields of a request beside its settings, by the names of the options."""


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
