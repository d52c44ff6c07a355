"""The networks of an output store, and which of them the nights use.

    models/<id>/weights.safetensors   the network; the id is the beginning of its sha256
    models/<id>/report.html           how it was trained, where it was trained here
    models/<id>/metrics.json          what its own training says of it
    models/<id>/judged-<time>.json    what it was promoted on
    models/<id>/card.json             what it is and where it comes from; written last of a model
    models/current.json               the model in use and every move there was

`current.json` is moved on condition of its etag, so of several people who move it at once exactly one does. A
promotion is put on a stack and a rollback takes the last one off it: rolling back twice goes back two steps.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.errors import JobError, ObjectGone, StoreError
from pipeline.store import ObjectStore
from pipeline.yamlfile import did_you_mean
from shm.checkpoint import default_weights, read_card

PREFIX = "models/"
CURRENT = f"{PREFIX}current.json"
ID_LETTERS = 16
SHIPPED = "the package"
"""Who made the first move, to the weights that ship with it."""
_JSON = "application/json"


class Kind(StrEnum):
    """Of a move."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Model:
    """A registered network. `weights` the sha256 (hex) of its file; `card` what `card.json` says."""

    id: str
    weights: str
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """`current.json` came to name `model` (`weights` as in `Model`). `at` in UTC, ISO 8601; `mark` a random
    word by which whoever made it knows it again.
    """

    model: str
    weights: str
    kind: Kind
    who: str
    at: str
    mark: str


@dataclass(frozen=True, slots=True)
class Current:
    """The model in use, which the last of `moves` named; `etag` that of `current.json`."""

    moves: tuple[Move, ...]
    etag: str

    @property
    def model(self) -> str:
        """Its id."""
        return self.moves[-1].model

    @property
    def weights(self) -> str:
        """Its sha256 (hex)."""
        return self.moves[-1].weights

    @property
    def before(self) -> Move | None:
        """Where a rollback leads; None where nothing was promoted that has not been rolled back."""
        stack: list[Move] = []
        for move in self.moves:
            if move.kind is Kind.PROMOTED:
                stack.append(move)
            else:
                stack.pop()
        return stack[-2] if len(stack) > 1 else None


class Overtaken(JobError):
    """Somebody else moved `current.json` first."""


def register(
    store: ObjectStore,
    file: Path,
    *,
    origin: Mapping[str, Any],
    now: datetime,
    metrics: Mapping[str, Any] | None = None,
    report: bytes | None = None,
) -> Model:
    """Keep the network in `file`; one that is kept already stays as it is. `origin`: where it comes from,
    plain JSON. Raises `shm.checkpoint.WeightsError` for a file that is no network of ours.
    """
    card, data = read_card(file), file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    model = digest[:ID_LETTERS]
    if not store.exists(_key(model, "card.json")):
        store.put_new(_key(model, "weights.safetensors"), data)
        store.put_new(_key(model, "metrics.json"), _json(metrics or card.metrics), _JSON)
        if report is not None:
            store.put_new(_key(model, "report.html"), report, "text/html; charset=utf-8")
        said = asdict(card) | {"weights": digest, "registered": _iso(now), "origin": dict(origin)}
        store.put_new(_key(model, "card.json"), _json(said), _JSON)
    return read_model(store, model)


def read_model(store: ObjectStore, model: str) -> Model:
    """The model of that id. Raises `JobError`, naming those that there are."""
    try:
        card = json.loads(store.get(_key(model, "card.json")))
        return Model(model, str(card["weights"]), card)
    except ObjectGone:
        known = list_models(store)
        raise JobError(
            f"{store.url(PREFIX)}: there is no model {model} ({did_you_mean(model, known, 'models')})"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{store.url(_key(model, 'card.json'))}: no card of a model: {error}") from error


def list_models(store: ObjectStore) -> list[str]:
    """The ids of all models."""
    keys = (listed.key for listed in store.list(PREFIX))
    return [key.split("/")[1] for key in keys if key.endswith("/card.json")]


def note_judgement(store: ObjectStore, model: Model, judgement: Mapping[str, Any], now: datetime) -> None:
    """Keep what a model was promoted on."""
    store.put_new(
        _key(model.id, f"judged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"), _json(judgement), _JSON
    )


def fetch_weights(store: ObjectStore, model: str, weights: str, folder: Path) -> Path:
    """The model's file, in `folder`. Raises `StoreError` for bytes that are not those of `weights`."""
    key = _key(model, "weights.safetensors")
    data = store.get(key)
    if hashlib.sha256(data).hexdigest() != weights:
        raise StoreError(f"{store.url(key)}: these are not the weights of {model}; register them again")
    file = folder / f"{model}.safetensors"
    file.write_bytes(data)
    return file


def read_current(store: ObjectStore) -> Current | None:
    """The model in use; None where nothing was ever promoted: then it is the one that ships."""
    try:
        listed, data = store.read(CURRENT)
        moves = tuple(Move(**{**each, "kind": Kind(each["kind"])}) for each in json.loads(data)["moves"])
    except ObjectGone:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{store.url(CURRENT)}: does not say which model is in use: {error}") from error
    if not moves:
        raise StoreError(f"{store.url(CURRENT)}: does not say which model is in use")
    return Current(moves, listed.etag)


def ensure_current(store: ObjectStore, now: datetime) -> Current:
    """The model in use; where none is, the shipped one is registered and put in use."""
    current = read_current(store)
    if current is None:
        model = register(store, default_weights(), origin={"from": SHIPPED}, now=now)
        store.put_new(CURRENT, _moves((_move(model, Kind.PROMOTED, SHIPPED, now),)), _JSON)
        current = read_current(store)
    assert current is not None
    return current


def move(store: ObjectStore, current: Current, model: Model, kind: Kind, *, who: str, now: datetime) -> None:
    """Put `model` in use in place of `current`. Raises `Overtaken` if that is no longer the current one."""
    moves = (*current.moves, _move(model, kind, who, now))
    if not store.replace_if(CURRENT, _moves(moves), current.etag, _JSON):
        found = read_current(store)
        if found is None or found.moves != moves:  # else the answer to our own move was lost
            raise Overtaken(_overtaken(store, found))


def _overtaken(store: ObjectStore, found: Current | None) -> str:
    if found is None:
        return f"{store.url(CURRENT)}: is gone; nothing was moved"
    last = found.moves[-1]
    told = f"{last.who} {last.kind} {last.model} at {last.at}"
    return (
        f"{store.url(CURRENT)}: {told}, while this was going on; nothing was moved: run again to judge anew"
    )


def _move(model: Model, kind: Kind, who: str, now: datetime) -> Move:
    return Move(model.id, model.weights, kind, who, _iso(now), secrets.token_hex(4))


def _moves(moves: tuple[Move, ...]) -> bytes:
    # Every move makes it longer, so its bytes, and with them a bucket's etag, never come back.
    last = moves[-1]
    return _json({"model": last.model, "weights": last.weights, "moves": [asdict(each) for each in moves]})


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _iso(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")


def _key(model: str, name: str) -> str:
    return f"{PREFIX}{model}/{name}"
