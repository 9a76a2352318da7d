"""The little of YAML that data.yaml of YOLO needs: keys with a text, a list or a mapping of texts; nothing is executed.

path: ../cells     # a text
names: [RBC, WBC]  # or one `- RBC` a line, or `0: RBC`, or {0: RBC, 1: WBC}

A file of JSON is YAML too. What else YAML has, such as anchors (`*names`), is a text here: the reader refuses it where
it needs another value.
"""

import re

import msgspec

_KEY = re.compile(r"""^(?:([\w-]+)|"([\w-]+)"|'([\w-]+)')\s*:(?:\s+|$)(.*)$""")
_ITEM = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^,'"][^,]*))\s*(?:,|$)""")
_COMMENT = re.compile(r"""^((?:[^'"#]|(?<=\S)#|'[^']*'|"[^"]*")*?)(?:(?:^|\s)#.*)?$""")
_LONGEST = 10_000  # characters of a line that may have a comment
Value = str | list[str] | dict[str, str]


def read_yaml(text: str) -> dict[str, Value]:
    r"""The values at the keys that begin a line; deeper levels than a list or a mapping are not understood.

    >>> read_yaml("nc: 2\nnames:\n  0: 'red cell'\n  1: white  # cell")
    {'nc': '2', 'names': {'0': 'red cell', '1': 'white'}}
    """
    text = text.lstrip("\ufeff")
    if text.lstrip().startswith("{"):
        return _of_json(text)
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        plain = (_COMMENT.sub(r"\1", line) if len(line) < _LONGEST else line).rstrip()
        if match := _KEY.match(plain):
            lines = parts.setdefault(match[1] or match[2] or match[3], [])
            plain = match[4]
        if plain.strip():
            lines.append(plain.strip())
    return {key: _value(found) for key, found in parts.items()}


def _of_json(text: str) -> dict[str, Value]:
    """The values of a file of JSON; none if it is damaged."""
    try:
        return {
            key: [*map(str, value)]
            if isinstance(value, list)
            else {name: str(one) for name, one in value.items()}
            if isinstance(value, dict)
            else str(value)
            for key, value in msgspec.json.decode(text, type=dict[str, object]).items()
        }
    except (msgspec.DecodeError, RecursionError):
        return {}


def _value(lines: list[str]) -> Value:
    whole = " ".join(lines)
    if whole.startswith("["):
        return _items(whole.strip("[] "))
    if whole.startswith("{"):
        return dict(map(_pair, _items(whole.strip("{} "))))
    if lines and all(line.startswith("-") for line in lines):
        return [_plain(line[1:]) for line in lines]
    if len(lines) > 1 or (lines and re.match(r"\d+\s*:\s", lines[0])):
        return dict(map(_pair, lines))
    return _plain(whole)


def _items(text: str) -> list[str]:
    """The parts between commas, without their quotes; a part of a mapping keeps them within."""
    return [_plain(match[0].strip().removesuffix(",")) for match in _ITEM.finditer(text) if match[0].strip()]


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition(":")
    return _plain(key), _plain(value)


def _plain(text: str) -> str:
    """A text without its quotes."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text
