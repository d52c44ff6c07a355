"""How good are these weights? Judged photo by photo on a labelled list.

Sizing and the rule for refusing photos are the pipeline's own: what is measured is what a night's run does.
"""

import json as json_module
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from shm import metrics
from shm.matter import Matter
from shm.presence import judge
from shm.train.labelled import Sample, read_label, read_list, read_negatives, read_photo
from shm.train.results import OUTSIDE, Refusal, Report, Row, write_csv
from shm.train.sheet import contact_sheet
from shm.train.truth import BAND, is_soft

_SHEET = 24


def evaluate(
    data_dir: Path,
    list_file: Path | None = None,
    *,
    weights: Path | None = None,
    device: str = "auto",
    negatives: Path | None = None,
    negatives_list: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    sheet: Path | None = None,
) -> Report:
    """Judges `weights` (the shipped ones where None) on the labelled photos that `list_file` names (all in
    `data_dir` where None).

    `negatives` is a folder of photos with nobody in them, `negatives_list` the ids of it to take (all where
    None). Writes rows to `csv`, summary and rows to `json`, a PNG of the worst photos to `sheet`.
    Raises ListError, OSError, `shm.checkpoint.WeightsError`, `shm.engine.NoGpu`.
    """
    samples = read_list(data_dir, list_file)
    empty = read_negatives(negatives, negatives_list) if negatives is not None else []
    matter = Matter.load(weights, device)
    report = judge_all(samples, empty, matter)
    if csv is not None:
        write_csv(csv, [row.flat for row in report.rows])
    if json is not None:
        content = {**report.summary, "rows": [row.flat for row in report.rows]}
        content["negative_rows"] = [asdict(row) for row in report.negatives]
        json.write_text(json_module.dumps(content, indent=1) + "\n", encoding="utf-8")
    if sheet is not None:
        sample_of = dict(zip(report.rows, samples, strict=True))
        contact_sheet([sample_of[row] for row in report.worst[:_SHEET]], matter, sheet)
    return report


def judge_all(samples: Sequence[Sample], negatives: Sequence[Path], matter: Matter) -> Report:
    """A network's report on `samples` (at least one) and on photos with nobody in them. Raises ListError."""
    rows = tuple(_judge(sample, matter) for sample in samples)
    return Report(matter.weights_id, str(matter.engine), rows, tuple(refusals(negatives, matter)))


def refusals(photos: Sequence[Path], matter: Matter) -> list[Refusal]:
    """What the pipeline's rule for presence says of each photo."""
    return [Refusal(path.stem, judge(matter.matte([read_photo(path)])[0]).why) for path in photos]


def _judge(sample: Sample, matter: Matter) -> Row:
    photo = read_photo(sample.photo)
    truth = read_label(sample.label, photo.shape[:2])
    [found] = matter.predict([photo])
    outside = metrics.outside_band(truth, OUTSIDE)
    band = metrics.unknown_region(truth, BAND) if is_soft(truth) else None
    return Row(
        name=sample.name,
        iou=metrics.iou(found.alpha, truth),
        iou_outside=metrics.iou(found.alpha, truth, outside),
        mad_outside=metrics.mad(found.alpha, truth, outside),
        whole=metrics.matte_errors(found.alpha, truth),
        band=None if band is None else metrics.matte_errors(found.alpha, truth, band),
        confidence=found.confidence,
        refused=judge(found.alpha).why,
    )
