"""Options become a `Request`: as they are typed, and as they stand in a file such as the config.toml of a run."""

import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from eyebright.runs.request import AUTO, FIELDS, IN_MEMORY, SETTINGS, Request
from eyebright.system import records
from eyebright.system.errors import SettingsError
from eyebright.system.text import comma_separated, nearest
from eyebright.training.argument_hints import refuse_foreign_arguments
from eyebright.training.settings import AUGMENTATIONS, RENAMED, Settings

_KNOWN = [*FIELDS, *sorted(SETTINGS)]
_REPLACED = {  # a typed option replaces these in the file
    "augment": (*AUGMENTATIONS,), "exclude": ("excluded",), "from": ("start_sha256",), "seed": ("split_seed",),
    "split": ("validation", "test"), "epochs": ("extended_at", "minutes"), "minutes": ("extended_at", "epochs"),
}  # fmt: skip
_EXCLUSIVE = {"augment": (*AUGMENTATIONS,), "exclude": ("excluded",)}  # use only one of them in a file
_RENAMED = {"fit": "resize"} | RENAMED  # old names
_PATHS = ("pictures", "output", "split", "exclude", "corrections", "from")


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
        refuse_foreign_arguments([unknown])
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
        asked["log"] = comma_separated(log if isinstance(log, str) else ",".join(map(str, log)))
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
            changes[name] = msgspec.convert(
                comma_separated(value) if several else value.strip(), kinds[name], strict=False
            )
        except msgspec.ValidationError as problem:
            raise SettingsError(f"--set {text}: {problem}") from problem
    return settings.changed(changes)


def _setting(text: str) -> str:
    """Today's name of the setting in NAME=VALUE."""
    name = text.partition("=")[0].strip().replace("-", "_")
    return _RENAMED.get(name, name)


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


def renamed(options: Mapping[str, Any], *, silently: bool = False) -> dict[str, Any]:
    """The options with today's names, with a `FutureWarning` about old ones.

    Raises:
        SettingsError: When an option is given by its old name and by its new one.
    """
    found = dict(options)
    for old in _RENAMED.keys() & found.keys():
        if (new := _RENAMED[old]) in found:
            raise SettingsError(f"{old} is the old name of {new}: use only {new}")
        if not silently:
            warnings.warn(f"the option {old} is now called {new}", FutureWarning, stacklevel=4)
        found[new] = found.pop(old)
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
