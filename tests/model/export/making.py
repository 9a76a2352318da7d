"""Exported folders that somebody has changed, with the digests that belong to the changes."""

import hashlib
import json


def edit(folder, **changes):
    """Change export.json and its digest, as somebody who means harm would."""
    card = json.loads((folder / "export.json").read_text()) | changes
    card["sha256"].pop("export.json", None)
    text = json.dumps(card, sort_keys=True, separators=(",", ":"))
    card["sha256"]["export.json"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "export.json").write_text(json.dumps(card))


def replace(folder, name, content):
    """Replace a file and its digest."""
    (folder / name).write_bytes(content)
    card = json.loads((folder / "export.json").read_text())
    edit(folder, sha256=card["sha256"] | {name: hashlib.sha256(content).hexdigest()})
