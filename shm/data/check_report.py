"""The label check's report: one HTML file that needs no other, with small pictures of what is wrong."""

import base64
import html
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.data.check_findings import ADVICE, CheckReport, Finding, Problem

Array = NDArray[np.uint8]

HEIGHT = 180
MOST_SHOWN = 60
"""Findings of a kind that get pictures: a file that a browser opens at once, whatever the data."""
RED = (60, 40, 230)
"""BGR: what the label marks, over the photo."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff }
h2 { margin: 2rem 0 0; font-size: 1.1rem }
.fault { color: #b00020 } .warning { color: #8a5a00 }
p { margin: .2rem 0 1rem; max-width: 46rem }
figure { display: inline-block; margin: 0 1rem 1rem 0; padding: .5rem; border: 1px solid #ddd }
figcaption { font-size: .8rem; max-width: 30rem; overflow-wrap: anywhere }
img { height: 180px; margin-right: 4px; background: #eee }
"""


def write_check_report(report: CheckReport, file: Path) -> None:
    """Writes `report` as HTML to `file`; pictures are read again from where they were found."""
    parts = [_section(problem, found) for problem, found in report.by_problem()]
    body = "\n".join(parts) or "<p>Nothing is wrong.</p>"
    rows = "".join(f"<li>{html.escape(name)}: {count:,}</li>" for name, count in report.pictures.items())
    file.write_text(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>Label check</title>"
        f"<style>{_STYLE}</style></head>\n<body><h1>Label check</h1>\n<p>{html.escape(report.summary)}</p>"
        f"<ul>{rows}</ul>\n{body}\n</body></html>\n",
        encoding="utf-8",
    )


def _section(problem: Problem, found: list[Finding]) -> str:
    grade = "fault" if found[0].is_fault else "warning"
    figures = "\n".join(_figure(finding) for finding in found[:MOST_SHOWN])
    rest = "".join(f"<li>{html.escape(str(finding))}</li>" for finding in found[MOST_SHOWN:])
    return (
        f"<h2><span class='{grade}'>{grade}</span> {html.escape(problem)}: {len(found):,}</h2>\n"
        f"<p>{html.escape(ADVICE[problem])}</p>\n{figures}\n" + (f"<ul>{rest}</ul>" if rest else "")
    )


def _figure(finding: Finding) -> str:
    images = "".join(
        f"<img alt='{name}' title='{name}' src='data:image/jpeg;base64,{_jpeg(picture)}'>"
        for name, picture in _pictures(finding)
    )
    caption = html.escape(f"{finding.source}: {finding}")
    return f"<figure>{images}<figcaption>{caption}</figcaption></figure>"


def _pictures(finding: Finding) -> list[tuple[str, Array]]:
    """What can be shown of it: photo, label, overlay, twin."""
    photo, label = _open(finding.photo), _open(finding.label)
    if photo is not None and photo.ndim == 3 and photo.shape[2] == 4:
        photo, label = photo[..., :3], photo[..., 3]
    shown = [("photo", photo), ("label", label)]
    if photo is not None and label is not None:
        shown.append(("label over photo", _overlay(_shrink(photo), _shrink(label))))
    shown.append(("twin", _open(finding.twin)))
    return [(name, _shrink(picture)) for name, picture in shown if picture is not None]


def _open(file: Path | None) -> Array | None:
    """uint8 (H, W), (H, W, 3) or (H, W, 4), BGR; None for what cannot be read."""
    if file is None or not file.exists():
        return None
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8:
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    return None if picture is None else np.asarray(picture)


def _overlay(photo: Array, label: Array) -> Array:
    """The label in red over the photo, stretched to it where sizes differ."""
    grey = label if label.ndim == 2 else cv2.cvtColor(label[..., :3], cv2.COLOR_BGR2GRAY)
    colour = photo if photo.ndim == 3 else cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR)
    share = cv2.resize(grey, (colour.shape[1], colour.shape[0]))[..., None] / 255 * 0.6
    return np.asarray(colour * (1 - share) + np.array(RED) * share, np.uint8)


def _shrink(picture: Array) -> Array:
    scale = HEIGHT / picture.shape[0]
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), HEIGHT)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _jpeg(picture: Array) -> str:
    data = cv2.imencode(
        ".jpg", picture[..., :3] if picture.ndim == 3 else picture, [cv2.IMWRITE_JPEG_QUALITY, 80]
    )[1]
    return base64.b64encode(data.tobytes()).decode()
