"""What a submitted job takes along: the code, the designs and the campaign's own files, and nothing else.

code/shm code/pipeline code/jobs    the package without weights: these are in the bucket
code/recipe/                        the training recipe, where there is one
code/campaign/                      campaign, catalogue, segments and the campaign's own templates
templates/                          designs and fonts; the cluster keeps them until they change
"""

import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from pipeline.campaign import Campaign
from pipeline.errors import JobError

MAX_CODE_BYTES = 5_000_000
"""Anything above is no code: a data set or a checkpoint that lies in a package's folder by mistake."""
CAMPAIGN = "campaign/campaign.yaml"
"""The campaign's file, seen from where the job runs."""
RECIPE = "recipe/recipe.yaml"
"""A training recipe's, its lists beside it."""
_CODE = ("shm", "pipeline", "jobs")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.safetensors", "deploy")


@dataclass(frozen=True, slots=True)
class Package:
    """Folders on this machine: `code` becomes the job's working directory, `templates` a module beside it."""

    code: Path
    templates: Path

    def __str__(self) -> str:
        code, designs = size_of(self.code), size_of(self.templates)
        return f"code {code / 1e6:.2f} MB; designs and fonts {designs / 1e6:.2f} MB, sent when they change"


def pack(plan: Campaign, folder: Path, recipe: Path | None = None) -> Package:
    """Gather it in `folder`, which is empty; with a training recipe and its lists if one is given. Raises
    `JobError` for more than `MAX_CODE_BYTES` of code.
    """
    code = folder / "code"
    for name in _CODE:
        shutil.copytree(str(files(name)), code / name, ignore=_LEFT_OUT)
    shutil.copytree(str(files("templates")), folder / "templates", ignore=_LEFT_OUT)
    if recipe is not None:
        (code / RECIPE).parent.mkdir()
        shutil.copyfile(recipe, code / RECIPE)
        if (recipe.parent / "lists").is_dir():
            shutil.copytree(recipe.parent / "lists", (code / RECIPE).parent / "lists")
    if size_of(code) > MAX_CODE_BYTES:
        largest = max(
            (file for file in code.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size
        )
        raise JobError(
            f"{size_of(code):,} bytes of code, more than {MAX_CODE_BYTES:,}: the largest file is "
            f"{largest.relative_to(code)}; what is no code belongs into the bucket"
        )
    _pack_campaign(plan, (code / CAMPAIGN).parent)
    return Package(code, folder / "templates")


def size_of(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _pack_campaign(plan: Campaign, folder: Path) -> None:
    """The campaign's files side by side, under their own names, with places that mean the same everywhere."""
    folder.mkdir()
    written = yaml.safe_load(plan.file.read_text(encoding="utf-8"))
    written |= {"photos": plan.photos, "output": plan.output}
    for field, file in (("catalogue", plan.catalogue_file), ("segments", plan.segments_file)):
        written[field] = f"{field}{file.suffix}"
        shutil.copyfile(file, folder / written[field])
    if plan.templates is not None:
        written["templates"] = "templates"
        shutil.copytree(plan.templates, folder / "templates", ignore=_LEFT_OUT)
    text = yaml.safe_dump(written, allow_unicode=True, sort_keys=False)
    (folder / Path(CAMPAIGN).name).write_text(text, encoding="utf-8")
