"""How long a page of `eyebright export --to web` takes to start and to classify a photograph, in headless Chromium.

    eyebright export RUN --to web -o flowers_web
    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/web_page.py flowers_web [--images 60]

A photograph is decoded by the browser, prepared and answered on one core, as for somebody who drops it on the page. The
time to decode and prepare it is given too. On a busy machine the processor time says more than the clock.
"""

import argparse
import base64
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from eyebright.model.export.browser import find_browser, opened_tab

ONCE = """Page.started.then(async (network) => {
  const bytes = Uint8Array.from(atob("%s"), (letter) => letter.charCodeAt(0));
  await network.predict(new Blob([bytes]));
})"""
TIMED = """Page.started.then(async (network) => {
  const bytes = Uint8Array.from(atob("%s"), (letter) => letter.charCodeAt(0));
  const about = JSON.parse(document.getElementById("about").textContent);
  const file = new Blob([bytes]), begin = performance.now();
  await network.predict(file);
  const middle = performance.now();
  await Decode.decode(file, (image) => Prepare.fitted(image, about.preparation));
  return [middle - begin, performance.now() - middle];
})"""


def cpu_s(pid: int) -> float:
    """Processor seconds of the descendants of a process, on Linux."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            parents[int(place.parent.name)] = int(fields[1]), sum(map(int, fields[11:13]))
    found, seen = 0, {pid}
    for _ in range(8):  # generations
        for child, (parent, ticks) in parents.items():
            if parent in seen and child not in seen:
                seen.add(child)
                found += ticks
    return found / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=60)
    args = parser.parse_args()
    photos = sorted((Path(os.environ["EYEBRIGHT_DATA"]) / "flowers").glob("*/*.jpg"))
    chosen = photos[:: max(len(photos) // args.images, 1)][: args.images]
    browser = find_browser()
    if browser is None:
        raise SystemExit("needs Chromium")
    page = (args.folder / "index.html").absolute()
    begin = time.perf_counter()
    with opened_tab(browser, page.as_uri()) as tab:
        state = tab.evaluate("Page.started.then(() => document.getElementById('state').dataset.state)")
        print(f"{page.stat().st_size / 1e6:.1f} MB, {state} {time.perf_counter() - begin:.1f} s after Chromium's start")
        before = cpu_s(os.getpid())
        for photo in chosen:
            tab.evaluate(ONCE % base64.b64encode(photo.read_bytes()).decode())
        each = (cpu_s(os.getpid()) - before) / len(chosen)
        times = [tab.evaluate(TIMED % base64.b64encode(photo.read_bytes()).decode()) for photo in chosen]
    print(f"processor time of the browser: {1e3 * each:.0f} ms a photograph")
    whole, prepared = np.array(times).T
    print(f"{len(whole)} photographs: {whole.mean():.0f} ± {whole.std():.0f} ms each, median {np.median(whole):.0f}, "
          f"least {whole.min():.0f}; of these {np.median(prepared):.0f} to decode and prepare")  # fmt: skip


if __name__ == "__main__":
    main()
