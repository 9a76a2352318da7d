"""What `eyebright train` is asked for: options that were typed, before those in a file, before the defaults.

Settings as they are typed: `--set ema=0.999 --set frozen=conv1,layer1`, `--augment flip,zoom=0.2`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from eyebright.network import zoo
from eyebright.runs.auto import AUTO
from eyebright.runs.folder import SETTINGS, read_toml
from eyebright.system import records
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import nearest
from eyebright.training.settings import AUGMENTATIONS, Settings

_REPLACED = {  # options that, typed, take the place of others in the file
    "augment": (*AUGMENTATIONS,), "exclude": ("excluded",), "from": ("start_sha256",), "seed": ("split_seed",),
    "split": ("validation", "test"), "epochs": ("extended_at", "minutes"), "minutes": ("extended_at", "epochs"),
}  # fmt: skip
_ELSEWHERE = ("config", "json", "heal", "find_lr", "set")  # options that are heeded elsewhere
_EXCLUSIVE = {"augment": (*AUGMENTATIONS,), "exclude": ("excluded",)}
_PATHS = ("pictures", "output", "split", "exclude", "from")


class Request(Record, frozen=True, kw_only=True):
    """All that a training may be asked for beside its settings, as the options and a run's config.toml name it."""

    pictures: str = ""
    output: str = ""
    network: str = ""
    weights: str = ""
    start_from: str = msgspec.field(default="", name="from")
    start_sha256: str = ""
    size: int | None = None
    fit: Literal["auto", "crop", "pad", "stretch"] = "auto"
    augment: str | None = None
    validation: float = 0.15
    test: float = 0.15
    split_seed: int | None = None
    group_by: str = ""
    split: str = ""
    exclude: str = ""
    excluded: tuple[str, ...] = ()
    exclude_kinds: str = "exact duplicates,near-duplicates,conflicting labels"
    log: tuple[str, ...] = ()
    mirror: bool = False
    overwrite: bool = False


_KNOWN = [field.encode_name for field in msgspec.structs.fields(Request)] + sorted(SETTINGS)


def gather(typed: Mapping[str, Any], config: Path | None) -> tuple[Request, Settings]:
    """Put together what is asked for.

    Args:
        typed: The options that were typed, by name.
        config: A flat TOML file with the same names; paths in it are relative to its folder.

    Raises:
        SettingsError: When a name in the file is unknown (the nearest is named), a value is of the wrong type or out of
            range, or two settings contradict each other.
    """
    replaced = {other for name in typed for other in _REPLACED.get(name, ())}
    found = {} if config is None else {k: v for k, v in _read(config).items() if k not in replaced}
    asked = found | {name: value for name, value in typed.items() if name not in _ELSEWHERE}
    if isinstance(asked.get("log"), str):
        asked["log"] = [name.strip() for name in asked["log"].split(",") if name.strip()]
    settings = {name: asked.pop(name) for name in SETTINGS & asked.keys()}
    what = "the options" if config is None else f"{config} with the options"
    asked["mirror"] = "flip" in settings or "augment" in asked  # who names it wants it
    request = records.from_builtins(asked, Request, what=what, error=SettingsError)
    if request.augment is not None:
        settings |= augmentation(request.augment)
    if not request.pictures:
        raise SettingsError(
            "no pictures given: eyebright train PICTURES -o RUN, or in the file of --config; or --resume RUN"
        )
    if {"minutes", "epochs"} <= typed.keys():
        raise SettingsError("--minutes and --epochs contradict each other: give one of them")
    if request.network in ("", AUTO) and not request.start_from:  # which learns only a head unless it is asked for more
        settings.setdefault("epochs", 0)
    return request, changed(Settings().changed(settings), typed.get("set", ()))


def names_left_out(request: Request) -> set[str]:
    """Names of the pictures to leave out."""
    if not request.exclude:
        return set(request.excluded)
    from eyebright.data.audit.findings import KINDS, RENAMED, load

    agreed = [kind.strip() for kind in request.exclude_kinds.split(",") if kind.strip()]
    for kind in agreed:
        if kind not in KINDS and kind not in RENAMED:
            known = nearest(kind, list(KINDS))
            raise SettingsError(f"--exclude-kinds: {kind!r} is nothing that is found: {known}")
    return load(Path(request.exclude)).to_exclude(agreed)


def _read(config: Path) -> dict[str, Any]:
    """The settings in a file: names with underscores, paths as seen from anywhere."""
    found: dict[str, Any] = {}
    for written, value in read_toml(config).items():
        name = written.replace("-", "_")
        if name not in _KNOWN:
            raise SettingsError(f"{config}: there is no setting {written!r}: {nearest(name, _KNOWN)}")
        if name in found:
            raise SettingsError(f"{config}: {written!r} stands there twice, with - and with _: leave one")
        found[name] = value
    for name, others in _EXCLUSIVE.items():
        for other in others:
            if name in found and other in found:
                raise SettingsError(f"{config}: {name} and {other} contradict each other: leave one of them")
    if str(found.get("pictures", "")).startswith("arrays "):
        raise SettingsError(f"{config} is of a run on pictures in memory, which cannot be found on the disk")
    for name in _PATHS:
        found |= {name: _from_anywhere(config, found[name])} if found.get(name) else {}
    if found.get("network", "") not in ("", *zoo.NETWORKS) and _is_path(config, found["network"]):
        found["network"] = _from_anywhere(config, found["network"])
    if found.get("weights", "") not in ("", zoo.PUBLISHED):
        found["weights"] = _from_anywhere(config, found["weights"])
    return found


def _is_path(config: Path, network: object) -> bool:
    return str(network).endswith(".json") or (config.parent / str(network)).is_file()


def _from_anywhere(config: Path, path: object) -> object:
    """A path in the file, which is relative to the file's folder; what is no text is refused later."""
    return str(config.absolute().parent / path) if isinstance(path, str) and "://" not in path else path


def changed(settings: Settings, given: Iterable[str]) -> Settings:
    """The settings with those changed that the texts name.

    Args:
        settings: The settings.
        given: Each as NAME=VALUE; several values are separated by commas.

    Raises:
        SettingsError: When one is not of this form, unknown (the nearest is named), of the wrong type or out of range,
            or contradicts another.
    """
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    changes = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise SettingsError(f"--set {text}: expected NAME=VALUE, as in --set ema=0.999")
        if name not in kinds:
            raise SettingsError(f"--set {text}: there is no setting {name!r}: {nearest(name, list(kinds))}")
        several = isinstance(getattr(settings, name), tuple)
        parts = [part.strip() for part in value.split(",") if part.strip()]
        try:
            changes[name] = msgspec.convert(parts if several else value.strip(), kinds[name], strict=False)
        except msgspec.ValidationError as problem:
            raise SettingsError(f"--set {text}: {problem}") from problem
    return settings.changed(changes)


def augmentation(text: str) -> dict[str, bool | float]:
    """The settings that "flip,rotation=0.1,zoom" stands for; what is not named is off.

    Raises:
        SettingsError: When a change is unknown, or its strength no number.
    """
    found: dict[str, bool | float] = {name: type(named)(0) for name, (_, named) in AUGMENTATIONS.items()}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name in ("", "none"):
            continue
        if name not in found or (name == "flip" and value):
            raise SettingsError(f"--augment: {part.strip()!r} is unknown; known are {', '.join(found)}, none")
        try:
            found[name] = type(found[name])(value) if value else AUGMENTATIONS[name][1]
        except ValueError as problem:
            raise SettingsError(f"--augment: {value!r} in {part.strip()!r} is no number") from problem
    return found
