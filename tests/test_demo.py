"""The demo as the README runs it, with the shipped network; a few photos of it, so that it takes seconds."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from pipeline import manifest
from pipeline.store import open_store
from pipeline.types import Status
from shm.checkpoint import default_weights

DEMO = Path(__file__).parent.parent / "examples" / "demo"
PEOPLE = ("studio-woman-denim-jacket.jpg", "studio-man-sweater.jpg")
GARMENT = "jackets-4-front.jpg"

pytestmark = pytest.mark.skipif(not default_weights().is_file(), reason="the starter weights are not here")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo's campaign with two people and one garment for photos, and 300x250 for a size."""
    folder = tmp_path / "demo"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("photos"))
    (folder / "photos").mkdir()
    for name in (*PEOPLE, GARMENT):
        shutil.copy(DEMO / "photos" / name, folder / "photos")
    text = (DEMO / "campaign.yaml").read_text(encoding="utf-8")
    text = text.replace("../../out/demo", "out").replace(
        "[1080x1080, 300x250, 728x90, 1080x1920]", "[300x250]"
    )
    (folder / "campaign.yaml").write_text(text, encoding="utf-8")
    return folder


def test_people_become_banners_and_a_garment_is_refused(demo: Path) -> None:
    result = CliRunner().invoke(
        app, ["run", str(demo / "campaign.yaml"), "--runner", "local", "--device", "cpu"]
    )

    assert result.exit_code == 0
    output = open_store(demo / "out")
    run = manifest.latest_run(output, "demo")
    assert run is not None
    photos = {row.key: row.reason for row in manifest.read_photos(output, run)}
    assert photos == {PEOPLE[0]: "", PEOPLE[1]: "", GARMENT: "no_subject"}
    banners = manifest.read_banners(output, run)
    shown = {row.photo_key for row in banners if row.status is Status.STORED}
    assert shown == set(PEOPLE)
