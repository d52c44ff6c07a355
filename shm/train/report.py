"""The report of a training run: one HTML file with curves and the watched photos, rewritten at each epoch."""

import base64
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.model import SHM
from shm.train.history import History, Moment
from shm.train.labelled import Sample
from shm.train.recipe import Stage
from shm.train.watch import Watcher
from shm.train.watched import Look, look_at

FILE = "report.html"
FIGURES = "watched.jsonl"
WIDTH, HEIGHT, POINTS = 420, 160, 300
"""Of a curve's drawing, pixels; and to how many points a curve is thinned."""

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2430 }
body { margin: 2rem auto; max-width: 1400px; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { color: #566 } svg { background: #f5f6f8; width: 100%; height: auto }
polyline { fill: none; stroke: #2457c5; stroke-width: 1.5 }
table { border-collapse: collapse } td, th { padding: .25rem .6rem; text-align: left; vertical-align: top }
td img { height: 240px; display: block } .number { text-align: right; font-variant-numeric: tabular-nums }
</style>
<h1>$title</h1>
<p>$summary</p>
<h2>Watched photos</h2>
$photos
$sections
</html>
""")


class ReportWatcher(Watcher):
    """Writes `report.html` into the run's folder. `samples` are the watched photos; there may be none."""

    def __init__(self, folder: Path, samples: Sequence[Sample]) -> None:
        self.folder, self.samples = folder, list(samples)
        self.step = 0

    def begun(self, stage: Stage, step: int) -> None:
        self.step = step
        kept = [f for f in self._figures() if f["stage"] != stage.name or int(f["step"]) <= step]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / FIGURES).write_text("".join(json.dumps(f) + "\n" for f in kept), encoding="utf-8")

    def stepped(self, moment: Moment) -> None:
        self.step = moment.step

    def looked(self, stage: Stage, network: SHM) -> None:
        looks = look_at(network, self.samples)
        if looks:
            with (self.folder / FIGURES).open("a", encoding="utf-8") as file:
                file.write(json.dumps(_figures_of(stage, self.step, looks)) + "\n")
        page = render(self.folder.name, list(History(self.folder).read()), self._figures(), looks)
        (self.folder / FILE).write_text(page, encoding="utf-8")

    def _figures(self) -> list[dict[str, float | str]]:
        file = self.folder / FIGURES
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]


def render(
    title: str,
    history: Sequence[Moment],
    figures: Sequence[dict[str, float | str]],
    looks: Sequence[Look],
) -> str:
    """The page. `figures`: per epoch, IoU and MAD of the watched photos."""
    stages = list(dict.fromkeys(moment.stage for moment in history))
    sections = [_section(stage, [m for m in history if m.stage == stage], figures) for stage in stages]
    last = history[-1] if history else None
    summary = (
        f"Stage {last.stage}, step {last.step} ({last.progress:.0%}), {last.seconds / 60:.0f} minutes in it."
        if last
        else "No step yet."
    )
    return _PAGE.substitute(
        title=html.escape(title),
        summary=html.escape(summary),
        photos=_photos(looks),
        sections="\n".join(sections),
    )


def _section(stage: str, history: Sequence[Moment], figures: Sequence[dict[str, float | str]]) -> str:
    steps = [m.step for m in history]
    curves = [
        _curve(name, steps, [m.losses.get(name, float("nan")) for m in history])
        for name in history[-1].losses
    ]
    curves += [
        _curve("learning rate", steps, [m.rate for m in history]),
        _curve("pictures per second", steps, [m.images for m in history]),
    ]
    own = [f for f in figures if f["stage"] == stage]
    for name in ("iou", "mad"):
        if own:
            curves.append(
                _curve(
                    f"watched photos: {name}", [int(f["step"]) for f in own], [float(f[name]) for f in own]
                )
            )
    return f"<h2>Stage {html.escape(stage)}</h2><div class=curves>{''.join(curves)}</div>"


def _curve(name: str, steps: Sequence[int], values: Sequence[float]) -> str:
    """An SVG of at most POINTS points, each the mean of its neighbours: single steps are noisy."""
    x, y = _thinned(np.asarray(steps, float)), _thinned(np.asarray(values, float))
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    span, first, last = max(high - low, 1e-12), float(x[0]), float(x[-1])
    across = (x - first) / max(last - first, 1e-12) * WIDTH
    down = HEIGHT - 4 - (y - low) / span * (HEIGHT - 8)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True) if np.isfinite(b))
    caption = f"{html.escape(name)}: {y[-1]:.4g} ({low:.4g} to {high:.4g}; step {first:.0f} to {last:.0f})"
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(name)}">'
        f'<polyline points="{points}"/></svg><figcaption>{caption}</figcaption></figure>'
    )


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = np.array_split(values, min(POINTS, len(values)))
    return np.array([part.mean() for part in parts])


def _photos(looks: Sequence[Look]) -> str:
    if not looks:
        return "<p>None: the recipe has no <code>watch</code>.</p>"
    heads = "photo", "trimap", "alpha_raw", "alpha", "cut-out", "IoU", "MAD"
    rows = "".join(_row(look) for look in looks)
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>"


def _row(look: Look) -> str:
    pictures = (look.photo, look.trimap, look.alpha_raw, look.alpha, look.cut_out)
    names = ("photo", "trimap", "raw alpha", "alpha", "cut-out")
    cells = "".join(
        f'<td><img src="{_data_uri(p)}" alt="{name} of {html.escape(look.name)}"></td>'
        for name, p in zip(names, pictures, strict=True)
    )
    return f"<tr>{cells}<td class=number>{look.iou:.4f}</td><td class=number>{look.mad:.4f}</td></tr>"


def _data_uri(picture: NDArray[np.uint8]) -> str:
    stored = picture if picture.ndim == 2 else picture[..., ::-1]
    done, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ValueError("a picture of the report cannot be encoded")
    return "data:image/jpeg;base64," + base64.b64encode(bytes(data)).decode()


def _figures_of(stage: Stage, step: int, looks: Iterable[Look]) -> dict[str, float | str]:
    looks = list(looks)
    return {
        "stage": stage.name,
        "step": step,
        "iou": float(np.mean([look.iou for look in looks])),
        "mad": float(np.mean([look.mad for look in looks])),
    }
