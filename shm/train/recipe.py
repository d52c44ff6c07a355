"""What a training recipe says: a YAML file of sources and stages, checked before anything is loaded."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from shm.losses import LossWeights
from shm.model import SHMConfig
from shm.tnet import BACKBONES

TRAINS = ("tnet", "mnet", "end_to_end")


class BadRecipe(ValueError):
    """A training recipe is wrong; the message names the file and the field."""


@dataclass(frozen=True)
class Stage:
    """One entry of a recipe's `stages`. Ends after `steps` or, where given, `minutes`, whichever comes first.
    The learning rate's cosine runs over the same span, so a stage cut short by time has still decayed;
    only a stage without `minutes` is the same run twice.

    - `train`: which part: "tnet", "mnet" or "end_to_end".
    - `rate`: the peak learning rate; `floor`: what the cosine ends at, as a share of it; `decay`: AdamW's
      weight decay (0 is Adam); `tnet_share`: T-Net's part of the rate end to end.
    - `pixels`: per batch, of T-Net's input (tnet) or of M-Net's; `accumulate`: batches per step.
    - `long_side`: T-Net's scale. `side`: M-Net's input, made from square `crops` of a picture whose long side
      is `frame` (SHM §5.1: 320 from 320, 480 or 640 of an 800 px picture). `square`: only square pictures, as
      in the paper. `natural`: share of photos as they were taken; the rest is composed.
    - `frozen_norm`: batch norms keep their statistics (end to end, where batches are small).
    - `self_label`: before it starts, the network so far writes masks for the unlabelled photos on which it
      agrees with itself.
    - `look`: steps from one look at the watched photos to the next; `patience`: so many looks without a
      better one end the stage with the best network (0: never).
    - `losses`: what is added to the paper's losses.
    """

    name: str
    train: str
    steps: int
    rate: float
    pixels: int
    minutes: float | None = None
    accumulate: int = 1
    long_side: int = 320
    side: int = 256
    crops: tuple[int, ...] = (256, 384, 512)
    frame: int = 512
    square: bool = False
    natural: float = 0.42
    floor: float = 0.0
    decay: float = 0.02
    frozen_norm: bool = False
    self_label: bool = False
    tnet_share: float = 1.0
    look: int = 500
    patience: int = 0
    losses: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True)
class TrainRecipe:
    """What a recipe file says. `config` is the network's shape; `start` the weights file to go on from (None:
    random, the string "starter": the shipped ones); `keep` the share of these in the network that comes out
    (0: none), which is the mean of both by so much (Wortsman et al. 2022, Robust fine-tuning of zero-shot
    models): most of what was learnt stays, and what was known is hardly forgotten; `lists` the folder of
    fixed id lists beside the file; `watch` the labelled photos that every report shows, by data folder and
    list file."""

    config: SHMConfig
    seed: int
    sources: dict[str, dict[str, Any]]
    stages: tuple[Stage, ...]
    lists: Path
    start: str | None = None
    keep: float = 0.0
    watch: dict[str, str] = field(default_factory=dict)


def read_recipe(file: Path) -> TrainRecipe:
    """Raises BadRecipe, naming the field, for anything that is missing, unknown or of the wrong type."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadRecipe(f"{file}: no such recipe") from error
    except yaml.YAMLError as error:
        raise BadRecipe(f"{file}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise BadRecipe(f"{file}: wanted fields such as preset, sources and stages")
    _refuse(
        file,
        content,
        needed={"preset", "seed", "sources", "stages"},
        also={"start", "keep", "watch", "network"},
    )
    stages = tuple(_stage(file, f"stages[{k}]", entry) for k, entry in enumerate(content["stages"]))
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise BadRecipe(f"{file}: stages: two have the same name ({', '.join(names)})")
    return TrainRecipe(
        _network(file, content),
        int(content["seed"]),
        content["sources"],
        stages,
        file.parent / "lists",
        content.get("start"),
        _keep(file, content),
        content.get("watch", {}),
    )


def _keep(file: Path, content: dict[str, Any]) -> float:
    share = _value(file, "keep", float, content.get("keep", 0.0))
    if not 0 <= share < 1 or (share and "start" not in content):
        raise BadRecipe(f"{file}: keep: a share of the weights in `start`, from 0 to less than 1")
    return float(share)


def _network(file: Path, content: dict[str, Any]) -> SHMConfig:
    try:
        config = SHMConfig.preset(content["preset"])
    except KeyError as error:
        raise BadRecipe(f"{file}: preset: {error.args[0]}") from error
    changes = content.get("network", {})
    values = config.to_dict()
    for part, fields_ in changes.items():
        if part not in values:
            raise BadRecipe(f"{file}: network: unknown {part}; there are {', '.join(values)}")
        if part not in ("tnet", "mnet"):
            values[part] = fields_
            continue
        if not isinstance(fields_, dict):
            raise BadRecipe(f"{file}: network.{part}: wanted fields, not {fields_!r}")
        unknown = fields_.keys() - values[part].keys()
        if unknown:
            raise BadRecipe(f"{file}: network.{part}: unknown {', '.join(sorted(unknown))}")
        values[part] |= fields_
    if values["tnet"]["backbone"] not in BACKBONES:
        raise BadRecipe(f"{file}: network.tnet.backbone: there are {', '.join(BACKBONES)}")
    return SHMConfig.from_dict(values)


def _stage(file: Path, place: str, entry: Any) -> Stage:
    stage: Stage = _build(file, place, Stage, entry)
    if stage.train not in TRAINS:
        raise BadRecipe(f"{file}: {place}.train: there are {', '.join(TRAINS)}, not {stage.train}")
    return stage


def _build(file: Path, place: str, kind: type[Any], entry: Any) -> Any:
    """An instance of the dataclass `kind` from a YAML mapping."""
    if not isinstance(entry, dict):
        raise BadRecipe(f"{file}: {place}: wanted fields, not {entry!r}")
    known = {f.name: f for f in fields(kind)}
    unknown = entry.keys() - known.keys()
    if unknown:
        raise BadRecipe(f"{file}: {place}: unknown {', '.join(sorted(unknown))}")
    hints = get_type_hints(kind)
    values = {name: _value(file, f"{place}.{name}", hints[name], value) for name, value in entry.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise BadRecipe(f"{file}: {place}: {str(error).split('__init__() ')[-1]}") from error


def _value(file: Path, place: str, hint: Any, value: Any) -> Any:
    if hint is LossWeights:
        return _build(file, place, LossWeights, value)
    if isinstance(value, list):
        value = tuple(value)
    allowed = tuple(t if isinstance(t, type) else tuple for t in (get_args(hint) or (hint,)))
    if hint == tuple[int, ...]:
        allowed = (tuple,)
    if float in allowed:
        allowed += (int,)
    # A bool is an int to Python; to the writer of a recipe it is not.
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join("number" if t in (int, float) else t.__name__ for t in allowed[:1])
        raise BadRecipe(f"{file}: {place}: wanted a {names}, not {value!r}")
    return value


def _refuse(file: Path, content: dict[str, Any], *, needed: set[str], also: set[str]) -> None:
    missing, unknown = needed - content.keys(), content.keys() - needed - also
    if missing:
        raise BadRecipe(f"{file}: missing {', '.join(sorted(missing))}")
    if unknown:
        raise BadRecipe(f"{file}: unknown {', '.join(sorted(unknown))}")
