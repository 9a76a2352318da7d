"""Exported folders that somebody has changed."""

import hashlib
import json


def replace(folder, name, content):
    """Replace a file and its digest, as somebody who means harm would."""
    (folder / name).write_bytes(content)
    card = json.loads((folder / "export.json").read_text())
    card["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "export.json").write_text(json.dumps(card))
