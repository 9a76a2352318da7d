"""Settings as they are typed: `--set ema=0.999 --set frozen=conv1,layer1`, `--augment flip,zoom=0.2`."""

from collections.abc import Iterable

import msgspec

from eyebright import codec
from eyebright.errors import SettingsError
from eyebright.training.settings import AUGMENTATIONS, Settings


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
            raise SettingsError(f"--set {text}: there is no setting {name!r}: {codec.nearest(name, list(kinds))}")
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
