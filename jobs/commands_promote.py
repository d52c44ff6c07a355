"""`banners promote`: put another network in use, if it is as good; or go back to the one before."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.network import load_matter
from jobs.options import CampaignFile, Device, DeviceOption, Who, named
from jobs.registry import (
    ID_LETTERS,
    Current,
    Kind,
    Model,
    Overtaken,
    ensure_current,
    list_models,
    move,
    note_judgement,
    read_current,
    read_model,
    register,
)
from pipeline.campaign import Campaign, load_campaign
from pipeline.errors import JobError
from pipeline.store import ObjectStore, open_store
from shm.checkpoint import weights_id
from shm.engine import Engine, choose
from shm.matter import Matter

REFUSED = 3
"""Exit code where a gate does not hold."""
OVERTAKEN = 4
"""Exit code where somebody else moved first."""
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a network comes from: `file`, or None if it is registered. `weights` its sha256 (hex)."""

    file: Path | None
    weights: str
    load: Callable[[], Matter]


@dataclass(frozen=True, slots=True)
class _HeldOut:
    data: Path
    names: Path | None
    negatives: Path | None


def promote(
    campaign: CampaignFile,
    who: Who,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="A registered model's id, or a .safetensors file, which is registered."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Held-out labelled photos of the catalogue.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Their names, one a line; all by default.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Photos with nobody in them, to be refused.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A PNG, old beside new, of photos of the campaign's own bucket."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Back to the model before; nothing is judged.")
    ] = False,
    device: DeviceOption = Device.AUTO,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only judged and shown.")] = False,
) -> None:
    """Put MODEL in use for all campaigns that share CAMPAIGN's output, if no gate says that it is worse.

    It and the network in use are judged on the held-out photos, of which every gate needs 30. One holds where
    even the upper end of the 95 % interval of the change stays within its tolerance; a count of failures that
    fewer than 189 photos cannot prove also where they show nothing worse, and the table says what is left
    open. Exit codes: 0 it is in use, or could be (add --yes); 1 it could not be judged, one line says why; 2
    the command line is wrong; 3 a gate refuses it; 4 somebody else put a model in use meanwhile.
    """
    _check_usage(model, data, rollback)
    name, plan = named(who), load_campaign(campaign)
    output, engine = open_store(plan.output, must_exist=True), choose(device.value)
    current = ensure_current(output, _now()) if yes else read_current(output)
    if model is None or data is None:
        target = _rollback_target(output, current)
        _tell_rework(plan, output, engine, current, target.weights)
        _move(output, current, target, Kind.ROLLED_BACK, name, yes=yes)
        return
    candidate = _candidate(output, model, engine)
    judgement = _judge(plan, output, current, candidate, _HeldOut(data, names, negatives), sheet, engine)
    registered = _registered(output, candidate, judgement) if yes else None
    _move(output, current, registered, Kind.PROMOTED, name, yes=yes)


def _check_usage(model: str | None, data: Path | None, rollback: bool) -> None:
    if rollback and (model is not None or data is not None):
        raise typer.BadParameter("--rollback takes no MODEL and no --data", param_hint="--rollback")
    if not rollback and (model is None or data is None):
        raise typer.BadParameter(
            "say which MODEL, and with --data by which held-out photos it is judged; or --rollback"
        )


def _judge(
    plan: Campaign,
    output: ObjectStore,
    current: Current | None,
    candidate: _Source,
    held_out: _HeldOut,
    sheet: Path | None,
    engine: Engine,
) -> dict[str, Any]:
    """What the candidate was judged by; tells it, and leaves with `REFUSED` where a gate does not hold."""
    from jobs.gates import gates_table
    from jobs.promote import judge, show
    from shm.train.labelled import ListError, read_list, read_negatives

    present = _present(output, current, engine)
    if present.weights == candidate.weights:
        raise JobError("this model is in use already")
    try:
        samples = read_list(held_out.data, held_out.names)
        negatives = read_negatives(held_out.negatives) if held_out.negatives is not None else []
        networks = (present.load(), candidate.load())
        judged = judge(*networks, samples, negatives)
        ids = (present.weights[:ID_LETTERS], candidate.weights[:ID_LETTERS])
        print(f"in use {ids[0]}, candidate {ids[1]}: {len(samples)} photos")
        print(gates_table(judged.verdicts))
        if sheet is not None:
            count = show(open_store(plan.photos, must_exist=True), output, networks, sheet)
            print(f"photo | old | new of {count} photos of {plan.photos}: {sheet}")
    except (ListError, OSError) as error:
        raise JobError(str(error)) from error
    _tell_rework(plan, output, engine, current, candidate.weights, slower=judged.slower)
    if not judged.passes:
        print("refused: not every gate holds")
        raise typer.Exit(REFUSED)
    gates = {verdict.gate.name: asdict(verdict.change) for verdict in judged.verdicts if verdict.change}
    return {"against": present.weights, "gates": gates, "summary": judged.comparison.b.summary}


def _rollback_target(output: ObjectStore, current: Current | None) -> Model:
    before = current.before if current is not None else None
    if before is None:
        raise JobError(f"{output.url('models/')}: nothing was promoted that could be rolled back")
    return read_model(output, before.model)


def _move(
    output: ObjectStore, current: Current | None, model: Model | None, kind: Kind, who: str, *, yes: bool
) -> None:
    if not yes or current is None or model is None:
        print("nothing was moved: add --yes")
        return
    try:
        move(output, current, model, kind, who=who, now=_now())
    except Overtaken as error:
        typer.echo(f"banners: {error}", err=True)
        raise typer.Exit(OVERTAKEN) from None
    print(f"in use: {model.id}, {kind} by {who}; {current.model} was before")


def _candidate(output: ObjectStore, model: str, engine: Engine) -> _Source:
    if model.endswith(_SUFFIX):
        file = Path(model)
        return _Source(file, weights_id(file), partial(Matter.load, file, engine))
    if not re.fullmatch(r"[0-9a-f]+", model):
        # As the part of a key it would be refused for its slashes, which tells nobody what is wanted here.
        models = ", ".join(list_models(output)) or "none yet"
        raise JobError(
            f"{model!r} is no model: give a registered model's id, or a {_SUFFIX} file; "
            f"the models are: {models}"
        )
    known = read_model(output, model)
    return _Source(None, known.weights, partial(load_matter, output, known.id, known.weights, engine))


def _present(output: ObjectStore, current: Current | None, engine: Engine) -> _Source:
    if current is None:
        return _Source(None, weights_id(), partial(Matter.load, None, engine))
    load = partial(load_matter, output, current.model, current.weights, engine)
    return _Source(None, current.weights, load)


def _registered(output: ObjectStore, candidate: _Source, judgement: dict[str, Any]) -> Model:
    if candidate.file is None:
        model = read_model(output, candidate.weights[:ID_LETTERS])
    else:
        model = register(output, candidate.file, origin={"from": candidate.file.name}, now=_now())
    note_judgement(output, model, judgement, _now())
    return model


def _tell_rework(
    plan: Campaign,
    output: ObjectStore,
    engine: Engine,
    current: Current | None,
    to: str,
    *,
    slower: float = 1.0,
) -> None:
    from jobs.promote import rework

    weights = current.weights if current is not None else weights_id()
    print(rework(open_store(plan.photos, must_exist=True), output, engine, weights, to, slower=slower))


def _now() -> datetime:
    return datetime.now(UTC)
