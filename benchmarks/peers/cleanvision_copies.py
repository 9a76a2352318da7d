"""The sets of copies that cleanvision finds below a folder: cleanvision_copies.py FOLDER.

It needs an environment with `cleanvision`. Prints one line of JSON: lists of names, and the seconds it took.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

from cleanvision import Imagelab


def main() -> None:
    """Look for exact and near duplicates."""
    root, start = Path(sys.argv[1]), time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        lab = Imagelab(data_path=str(root))
        lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=2)
    sets = [
        [str(Path(name).resolve().relative_to(root.resolve())) for name in same]
        for kind in ("exact_duplicates", "near_duplicates")
        for same in lab.info[kind]["sets"]
    ]
    print(json.dumps({"sets": sets, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
