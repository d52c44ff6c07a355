"""Designs and values that want out of their place: to Python, to files that are not theirs, to a server."""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import design, product, segment, text_layer, written

from pipeline.errors import InvalidInput
from pipeline.template import DocumentError, DocumentRequest, load_design, render_documents

HERE = Path(__file__).parent

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('__cl' ~ 'ass__') }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ ().__doc__ }}",
    "{{ {}.__getattribute__('keys') }}",
    "{{ product.__init__.__globals__ }}",
    "{{ product['__init__'] }}",
    "{{ product.__class__ }}",
    "{{ product._items }}",
    "{{ copy._items }}",
    "{{ copy|attr('_items') }}",
    "{{ money.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__ }}",
    "{{ joiner.__init__ }}",
    "{{ namespace.__init__ }}",
    "{{ range.__self__ }}",
    "{{ dict.__base__ }}",
    "{{ self.__dict__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ '{0.__class__}'.format(product) }}",
    "{{ '{p.__init__.__globals__}'.format(p=product) }}",
    "{{ '{x.__class__}'.format_map({'x': copy}) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends '/etc/passwd' %}",
    "{{ [product.name]|map(attribute='__class__')|first }}",
    "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
    "{{ (1).__class__.__bases__ }}",
    "{% set p = product %}{{ p.__reduce__() }}",
]

GREEDY = [
    "{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}",
    "{{ ('x' * 99999)|batch(1)|list * 99999 }}",
    "{% for a in 'x' * 99999 %}{{ a * 99999 }}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 10**6 }}",
    "{{ ['a' * 10**5] * 10**5 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'x'|center(10**9) }}",
    "{% set s = 'a' * 99999 %}{% for i in s %}{{ s }}{% endfor %}",
    "{{ ('a' * 3000)|replace('a', 'a' * 3000)|replace('a', 'a' * 3000) }}",
]


@pytest.mark.parametrize("attack", ESCAPES)
def test_templates_cannot_reach_python(tmp_path: Path, attack: str) -> None:
    mine = design(tmp_path, text_layer(attack))
    reached: object = None

    try:
        (reached,) = render_documents([DocumentRequest(mine, segment(), product())])
    except InvalidInput as error:
        reached = error

    assert isinstance(reached, InvalidInput | DocumentError), reached


@pytest.mark.parametrize("greedy", GREEDY)
def test_a_template_that_eats_time_or_memory_names_its_design(tmp_path: Path, greedy: str) -> None:
    healthy = DocumentRequest(load_design("sale-poster"), segment(), product())
    mine = design(tmp_path, text_layer(greedy), name="greedy")

    with pytest.raises(InvalidInput, match="greedy") as caught:
        list(render_documents([healthy, DocumentRequest(mine, segment(), product())]))

    assert "greedy" in caught.value.file
    assert caught.value.line == 3


def test_arithmetic_that_hears_no_alarm_is_killed_and_its_design_named(tmp_path: Path) -> None:
    mine = design(tmp_path, text_layer("{{ 9 ** (9 ** 9) }}"), name="greedy")

    with pytest.raises(InvalidInput, match="rendering design greedy takes more than 2 s"):
        list(render_documents([DocumentRequest(mine, segment(), product())]))


@dataclass(frozen=True)
class Case:
    """A design of `layers` for a product whose picture, or name, is `value`, and what has to come of it."""

    layers: str
    value: str = ""
    head: str = ""
    logo: str = ""
    told: str = "there is no asset"

    def __str__(self) -> str:
        return self.value or self.logo or self.head or self.layers


NAMED = '  - {type: image, asset: "{{ product.picture }}"}\n'
WRITTEN = '  - {type: text, text: "{{ product.name }}", size: 12, min_size: 6, color: "#000000"}\n'
CASES = [
    *(
        Case(NAMED, picture)
        for picture in (
            "http://127.0.0.1:9/a.png",
            "https://localhost/a.png",
            "ftp://localhost/a.png",
            "s3://bucket/a.png",
            "//localhost/share/a.png",
            r"\\localhost\share\a.png",
            "file://FOREIGN",
            "FOREIGN",
            "../../../foreign.png",
            "brands/../../../foreign.png",
            "./../../../foreign.png",
            "%2e%2e/%2e%2e/%2e%2e/foreign.png",
            "/proc/self/environ",
            "/etc/passwd",
            "data:image/png;base64,iVBORw0KGgo=",
            "jar:file:FOREIGN!/a.png",
            "|cat /etc/passwd",
            "a.png\x00.yaml",
        )
    ),
    *(
        Case(WRITTEN, text, told="drawn")
        for text in (
            "<image href='http://127.0.0.1:9/a.png'/>",
            "<use xlink:href='file:///etc/passwd#a'/>",
            "<!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><s>&x;</s>",
            "<style>@import url(http://127.0.0.1:9/a.css);</style>",
            "<script src='//127.0.0.1:9'></script>",
            "{% include '/etc/passwd' %}",
        )
    ),
    Case('  - {type: image, asset: "http://127.0.0.1:9/a.png"}\n'),
    Case("  - {type: image, asset: ../../../foreign.png}\n"),
    Case("  - {type: logo}\n", logo="../../../foreign.png", told="there is no picture"),
    Case("  - {type: logo}\n", logo="http://127.0.0.1:9/logo.png", told="there is no picture"),
    Case(text_layer("x"), head="palette: {a: 'url(http://127.0.0.1:9/a)'}\n", told="is no colour"),
    Case("  - !!python/object/apply:os.system [id]\n", told="tag"),
    Case("  - !include /etc/passwd\n", told="tag"),
    Case('  - {type: image, asset: "own.png"}\n', told="drawn"),
]


@dataclass(frozen=True)
class Watched:
    """What a process said to every case, and what it and its children did meanwhile."""

    answers: dict[Case, str]
    events: dict[str, set[str]]
    own: tuple[str, ...]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    templates, scratch, log, foreign = (folder / n for n in ("templates", "scratch", "log", "foreign.png"))
    scratch.mkdir()
    cv2.imwrite(str(foreign), np.zeros((9, 9, 3), np.uint8))
    asked = []
    for number, case in enumerate(CASES):
        home = templates / str(number)
        file = written(home, case.layers, head=case.head)
        shutil.copy(foreign, file.parent / "own.png")
        if case.logo:
            (home / "brands").mkdir()
            (home / "brands" / "kit.yaml").write_text(f"name: kit\nlogo: {json.dumps(case.logo)}\n")
        value = case.value.replace("FOREIGN", str(foreign))
        asked.append({"file": str(file), "value": value, "brand": "kit" if case.logo else ""})
    search = os.pathsep.join(map(str, (HERE / "watch", HERE, HERE.parent)))
    done = subprocess.run(
        [sys.executable, "-B", str(HERE / "watched.py")],
        input=json.dumps(asked),
        env=os.environ | {"PYTHONPATH": search, "WATCHED": str(log), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    events = defaultdict[str, set[str]](set)
    for line in log.read_text().splitlines():
        event, _, about = line.partition("\t")
        events[event].add(about)
    answers = dict(zip(CASES, json.loads(done.stdout), strict=True))
    return Watched(answers, events, (str(templates), str(scratch)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_design_has_only_its_own_pictures_and_text_is_only_text(watched: Watched, case: Case) -> None:
    assert case.told in watched.answers[case]


def test_whoever_watches_sees_the_pictures_that_are_a_designs_own(watched: Watched) -> None:
    assert any(path.endswith("own.png") for path in watched.events["open"])
    assert watched.events["subprocess.Popen"] == {sys.executable}


def test_nothing_is_called_and_no_other_program_started(watched: Watched) -> None:
    outward = {
        "os.system",
        "os.exec",
        "os.posix_spawn",
        *(name for name in watched.events if name.startswith("socket.")),
    }

    assert outward & watched.events.keys() == set()


def test_no_file_is_opened_that_is_not_the_interpreters_the_projects_or_the_templates(
    watched: Watched,
) -> None:
    own = (sys.prefix, sys.base_prefix, str(HERE.parent), *watched.own)
    system = ("/proc/self/statm", "/usr/share/zoneinfo/", "/etc/localtime")

    # Without its dots: `templates/../foreign.png` begins like the templates' own.
    paths = (os.path.normpath(path) for path in watched.events["open"] if path.startswith("/"))

    assert [path for path in paths if not path.startswith((*own, *system))] == []
