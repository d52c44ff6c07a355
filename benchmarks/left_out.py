"""Pictures of people that no training saw, the same ones every time: composites by kind of person."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shm.data.frames import Frame, composite
from shm.data.sources import Library, Person, load_library
from shm.train.recipe import read_recipe

ROOT = Path(__file__).parents[1]
SIDE = 640

Sources = Mapping[str, Mapping[str, Any]]

STREET: Sources = {
    "street": {
        "kind": "masks",
        "images": "ccp/images",
        "labels": "ccp/masks",
        "lists": ["validation.txt"],
    }
}
HOLDING: Sources = {"street": {**STREET["street"], "lists": ["holding.txt"]}}
ALPHAS: Sources = {
    "cutouts": {"kind": "cutouts", "images": "people_rgba", "lists": ["alphas_left_out.txt"]},
    "portraits": {
        "kind": "pairs",
        "images": "portraits_predicted/images",
        "labels": "portraits_predicted/alphas",
        "lists": ["alphas_left_out.txt"],
    },
}
KINDS: Mapping[str, Sources] = {
    "street people": STREET,
    "those who hold a bag": HOLDING,
    "true and near-true alphas": ALPHAS,
}
_SHARE = {"half length": 0.55, "portrait": 0.3}
"""How much of a standing person's height these show."""


def frames(data: Path, sources: Sources, count: int) -> Iterator[Frame]:
    """`count` composites of `sources`' people on plain and busy grounds."""
    library = people(data, sources)
    for number in range(count):
        yield composite(np.random.default_rng([11, number]), library, SIDE, SIDE)


def people(data: Path, sources: Sources) -> Library:
    """`sources`' people, with the scenes that training composites on."""
    recipe = read_recipe(ROOT / "configs" / "starter.yaml")
    named = {**sources, "scenes": recipe.sources["scenes"]}
    return load_library(data, named, lists=recipe.lists, self_labels=data / "none")


def cropped(library: Library, part: str) -> Library:
    """The same people down to the waist ("half length") or the chest ("portrait")."""
    return replace(library, people=tuple(_cropped(person, _SHARE[part]) for person in library.people))


def on_studio(library: Library) -> Library:
    """The same people, who are set on plain grounds alone: no scene, no street to cut a piece from."""
    return replace(library, people=tuple(replace(p, natural=False) for p in library.people), grounds=())


def _cropped(person: Person, share: float) -> Person:
    rows = np.flatnonzero((person.alpha > 127).any(axis=1))
    if not len(rows):
        return person
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    kept = slice(0, top + max(8, round((bottom - top) * share)))
    return replace(
        person, photo=person.photo[kept], alpha=person.alpha[kept], foreground=person.foreground[kept]
    )
