"""The house's walls: who may import whom, and which outside library lives where, read from the sources."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = {
    "ray": {"jobs/"},
    "boto3": {"pipeline/s3store.py"},
    "botocore": {"pipeline/s3store.py"},
    "jinja2": {"pipeline/template.py", "pipeline/template_names.py", "pipeline/report.py"},
    "torch": {"shm/", "pipeline/cutout.py"},
    "torchvision": {"shm/"},
    "duckdb": {"pipeline/rules.py", "pipeline/selection.py"},
    "typer": {"jobs/"},
    "rich": {"jobs/"},
}
"""Each outside library's home. A library that leaks makes its replacement, and its faults, everybody's."""
NEVER_BELOW_JOBS = ("os.environ", "os.getenv", "sys.argv")


def modules() -> list[str]:
    return sorted(
        str(f.relative_to(ROOT)) for p in ("shm", "pipeline", "jobs") for f in (ROOT / p).rglob("*.py")
    )


def imported(file: str, *, lazy: bool = True) -> Iterator[str]:
    """Dotted names that a file imports; without `lazy`, only those that importing it executes."""
    tree = ast.parse((ROOT / file).read_text())
    nodes = list(ast.walk(tree)) if lazy else list(_at_import(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node


@pytest.mark.parametrize("file", modules())
def test_every_outside_library_stays_in_its_home(file: str) -> None:
    roots = {name.split(".")[0] for name in imported(file)}
    strays = {lib for lib in roots & HOMES.keys() if not any(file.startswith(home) for home in HOMES[lib])}
    assert strays == set()


@pytest.mark.parametrize("file", modules())
def test_packages_import_only_what_stands_to_their_left(file: str) -> None:
    forbidden = {"shm": {"pipeline", "jobs", "templates"}, "pipeline": {"jobs"}, "jobs": set()}
    roots = {name.split(".")[0] for name in imported(file)}
    assert roots & forbidden[file.split("/")[0]] == set()


@pytest.mark.parametrize("package", ["shm", "pipeline", "jobs"])
def test_modules_form_no_ring(package: str) -> None:
    files = [f for f in modules() if f.startswith(package)]
    names = {f.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): f for f in files}
    graph = {
        name: {other for other in imported(file, lazy=False) if other in names and other != name}
        for name, file in names.items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(names)


@pytest.mark.parametrize("file", [f for f in modules() if not f.startswith("jobs")])
def test_nothing_below_jobs_reads_the_environment_or_the_command_line(file: str) -> None:
    source = (ROOT / file).read_text()
    assert [name for name in NEVER_BELOW_JOBS if name in source] == []


@pytest.mark.parametrize("file", [f for f in modules() if f.startswith("pipeline")])
def test_importing_the_pipeline_imports_no_torch(file: str) -> None:
    roots = {name.split(".")[0] for name in imported(file, lazy=False)}
    assert roots & {"torch", "torchvision", "ray", "boto3"} == set()


def test_untrusted_pictures_are_parsed_in_the_process_that_may_die_of_it() -> None:
    users = {f for f in modules() if "pipeline.decode.decode" in imported(f)}
    assert users == {"pipeline/decode_child.py"}, "photos are decoded by `pipeline.decoder.Decoder`"
