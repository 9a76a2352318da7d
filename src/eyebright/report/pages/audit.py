"""The findings of an audit as one HTML file that holds its images and needs no other file."""

import base64
import io
from collections.abc import Callable
from pathlib import PurePath
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.audit.findings import KINDS, Audit, Finding, Kind
from eyebright.report.telling import leak_text
from eyebright.system.text import counted, markup

Opened: TypeAlias = Callable[[str], NDArray[np.uint8] | None]
"""Gives an image by its name, `(H, W, 3)`, uint8; None where it cannot be opened."""
MAX_FINDINGS, MAX_TOGETHER = 60, 12  # of a kind; images of a finding
_STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; color: #1a202c; margin: 2rem auto;
  max-width: 78rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem } p { margin: .2rem 0; color: #4a5568 }
nav a { margin-right: 1.2rem; white-space: nowrap } .findings { display: flex; flex-wrap: wrap; gap: .9rem }
.finding { border: 1px solid #e2e8f0; border-radius: 6px; padding: .6rem }
.set { display: flex; flex-wrap: wrap; gap: .5rem }
figure { margin: 0; width: 128px } img, .none { width: 128px; height: 128px; object-fit: cover; display: block;
  background: #edf2f7 } figcaption { font-size: 11px; overflow-wrap: anywhere; line-height: 1.3 }
.said { font-size: 12px; width: 0; min-width: 100%; margin-top: .4rem } .class { color: #2b6cb0 }
.leak { color: #1a202c; font-weight: bold }
"""


def audit_page(audit: Audit, leak: float | None, opened: Opened) -> str:
    """The page: a section for each kind, with at most 60 findings.

    Args:
        audit: The findings.
        leak: As for `leak_text`.
        opened: Gives the images.
    """
    title = markup(f"Audit of {PurePath(audit.origin).name or 'images'}")
    kinds = [kind for kind in KINDS if audit.of(kind)]
    links = "".join(f'<a href="#{_anchor(kind)}">{kind} ({len(audit.of(kind)):,})</a> ' for kind in kinds)
    classes = ", ".join(f"{markup(name)} {count:,}" for name, count in audit.classes.items())
    sections = "".join(_section(kind, audit.of(kind), opened) for kind in kinds)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<style>{_STYLE}</style></head><body><h1 title="{markup(audit.origin)}">{title}</h1>'
        f'<p>Found {counted(audit.pictures, "image")}: {classes}.</p><p class="leak">{leak_text(leak)}</p>'
        f"{''.join(f'<p>{markup(note)}</p>' for note in audit.notes)}"
        f"<nav>{links or 'No problem found.'}</nav>{sections}</body></html>\n"
    )


def _section(kind: Kind, found: tuple[Finding, ...], opened: Opened) -> str:
    more = f"; the first {MAX_FINDINGS} of {len(found):,} are shown" if len(found) > MAX_FINDINGS else ""
    findings = "".join(_finding(finding, opened) for finding in found[:MAX_FINDINGS])
    return (
        f'<h2 id="{_anchor(kind)}">{kind}: {counted(len(found), "finding")}</h2>'
        f'<p>{KINDS[kind]}{more}</p><div class="findings">{findings}</div>'
    )


def _finding(finding: Finding, opened: Opened) -> str:
    shown = zip(finding.pictures[:MAX_TOGETHER], finding.classes, strict=False)
    figures = "".join(_figure(name, label, opened) for name, label in shown)
    more = f" ({len(finding.pictures) - MAX_TOGETHER:,} more)" if len(finding.pictures) > MAX_TOGETHER else ""
    return (
        f'<div class="finding"><div class="set">{figures}</div>'
        f'<div class="said">{markup(finding.sentence)}{more}</div></div>'
    )


def _figure(name: str, label: str, opened: Opened) -> str:
    pixels = opened(name)
    drawn = '<div class="none"></div>' if pixels is None else f'<img alt="" src="{_inline(pixels)}">'
    caption = f'<span class="class">{markup(label)}</span> {markup(name)}'
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def _inline(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _anchor(kind: Kind) -> str:
    return kind.replace(" ", "-")
