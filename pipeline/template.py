"""Designs and values become layout documents: Jinja2, in one limited child process, once at plan time.

The YAML is parsed before anything is rendered and only its strings are templates, so no value can change
a document's structure. The sandbox stops escapes but not exhaustion (measured: nested loops ran until
killed), hence the child with limits on processor time and memory.
"""

import json
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline import ceiling, money
from pipeline.design import NO_BRAND, Brand, Design, design_names, load_brand, load_design, read_design
from pipeline.document_fields import is_template
from pipeline.errors import Fault, InvalidInput
from pipeline.rendered import (
    DocumentError,
    DocumentRequest,
    Tally,
    checked,
    never_shown,
)
from pipeline.sizing import Tree, is_off
from pipeline.values import values_of

__all__ = [
    "NO_BRAND",
    "Brand",
    "Design",
    "DocumentError",
    "DocumentRequest",
    "design_names",
    "load_brand",
    "load_design",
    "read_design",
    "render_documents",
]

CPU_SECONDS = 2
"""Processor time for one document; a usual one takes 2 ms."""

MEMORY_BYTES = 512 * 2**20
"""How far the child may grow beyond its size after start."""

MOST_ROUNDS = 24
"""How often a stack or grid may draw its children; no banner has room for more."""

MAX_TEXT = 20_000
"""Characters in one rendered field: more is a run-away template, and no banner could show it."""


def render_documents(
    requests: Sequence[DocumentRequest], worked: Collection[Design] = ()
) -> Iterator[str | DocumentError]:
    """A layout document (canonical JSON) or an error for each request, in order.

    One after the other, as a document takes 8 kB and a shop has a hundred thousand: whoever wants them all
    decides how to keep them. A missing or unusable value is an error of its request. A template that is wrong
    in itself (syntax, forbidden access, too much time or memory) raises `InvalidInput` naming design, line
    and field; a design that works for no product does so after its last request, unless it is known to have
    `worked` for others.
    """
    tally = Tally(worked)
    for request, answer in zip(requests, _run_child(requests), strict=True):
        where = tuple(answer.get("where", ()))
        if answer["outcome"] == "broken":
            raise request.design.error(answer["problem"], where)
        if answer["outcome"] == "missing":
            result: str | DocumentError = DocumentError.of(
                request, Fault.MISSING_VALUE, where, answer["problem"]
            )
        else:
            result = checked(request, answer["tree"])
        tally.count(request, result)
        yield result
    tally.refuse_designs_that_never_worked()


# ── the parent's side of the child process ────────────────────────────────────────────────────────────────


def _run_child(requests: Sequence[DocumentRequest]) -> Iterator[dict[str, Any]]:
    """The child's answers, one per request. Raises `InvalidInput` for the design that killed it."""
    if not requests:
        return
    designs = list({request.design: None for request in requests})
    start = f"import sys; sys.path[:] = {sys.path!r}; from pipeline.template import child; child()"
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write(json.dumps([design.tree for design in designs]).encode() + b"\n")
        for request in requests:
            asked.write(json.dumps([designs.index(request.design), values_of(request)]).encode() + b"\n")
        asked.seek(0)
        done = 0
        with _child([sys.executable, "-c", start], asked, complaints, len(requests)) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if line.endswith(b"\n"):
                    done += 1
                    yield json.loads(line)
        if done < len(requests):
            complaints.seek(0)
            raise _blame(requests[done].design, child.returncode, complaints.read())


@contextmanager
def _child(
    words: Sequence[str], asked: IO[bytes], complaints: IO[bytes], documents: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """It renders while whoever reads its answers checks them; gone when this is left, for whatever reason."""
    with subprocess.Popen(words, stdin=asked, stdout=subprocess.PIPE, stderr=complaints) as child:
        # On a machine that is busy with other things the clock runs out before the allowance does.
        clock = threading.Timer(60 + documents * CPU_SECONDS, child.kill)
        clock.daemon = True
        clock.start()
        try:
            yield child
            child.wait()
        finally:
            clock.cancel()
            child.kill()


def _blame(design: Design, code: int, complaints: bytes) -> InvalidInput:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        problem = f"rendering design {design.name} takes more than {CPU_SECONDS} s or too much memory"
        return InvalidInput(problem, file=design.file, hint="look for a loop that does not end")
    last = complaints.decode(errors="replace").strip().rsplit("\n", 1)[-1]
    return InvalidInput(f"rendering design {design.name} failed: {last}", file=design.file)


# ── the child process ─────────────────────────────────────────────────────────────────────────────────────


class Values:
    """A namespace such as `product`: only its items can be reached, whatever they are called."""

    __slots__ = ("_items", "_label")

    def __init__(self, label: str, items: Tree) -> None:
        self._label, self._items = label, items

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __str__(self) -> str:
        return self._label


class Missing(StrictUndefined):
    """Names what is missing as the template wrote it: `product.price`, not "dict object has no attribute"."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner = f"{self._undefined_obj}." if isinstance(self._undefined_obj, Values) else ""
        return f"{owner}{self._undefined_name} is missing"


def child() -> None:
    """The child's main: on stdin a line of designs, then one per request; on stdout an answer per line."""
    trees = json.loads(sys.stdin.readline())
    environment = _environment()
    _limit_memory()
    signal.signal(signal.SIGVTALRM, _time_is_up)
    for line in sys.stdin:
        _limit_processor_time()
        index, values = json.loads(line)
        answer = _answer(environment, trees[index], values)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=Missing, cache_size=0)
    environment.globals.clear()
    for name, function in _FILTERS.items():
        environment.filters[name] = function
    return environment


def _limit_memory() -> None:
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    ceiling.lower(resource.RLIMIT_AS, size + MEMORY_BYTES)


def _limit_processor_time() -> None:
    """Give the next document its own allowance: an alarm that can say where, then a limit that kills.

    The limit is on the whole process, so it moves along; it is for what hears no alarm, such as 9 ** 9 ** 9.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 2
    ceiling.lower(resource.RLIMIT_CPU, allowed)


class _TimeIsUp(Exception):
    """The document that is being rendered has used its allowance."""


def _time_is_up(number: int, frame: object) -> None:
    raise _TimeIsUp


class _Unusable(Exception):
    """A field that could not be rendered: `kind` is missing or broken."""

    def __init__(self, kind: str, problem: str, where: tuple[str | int, ...]) -> None:
        super().__init__(problem)
        self.kind, self.problem, self.where = kind, problem, where


def _answer(environment: ImmutableSandboxedEnvironment, tree: Tree, values: Tree) -> Tree:
    names = {n: Values(n, v) if isinstance(v, dict) else v for n, v in values.items()}
    try:
        return {"outcome": "rendered", "tree": _render(environment, tree, names, ())}
    except _Unusable as error:
        return {"outcome": error.kind, "problem": error.problem, "where": error.where}


def _render(env: ImmutableSandboxedEnvironment, tree: Any, names: Tree, where: tuple[str | int, ...]) -> Any:
    """`tree` with every string rendered; what a hidden layer says is never looked at."""
    if isinstance(tree, str):
        return _render_text(env, tree, names, where)
    if not isinstance(tree, list | dict) or _is_plain(tree):
        return tree
    if isinstance(tree, list):
        return [_render(env, item, names, (*where, i)) for i, item in enumerate(tree)]
    if "visible" in tree:
        seen = _render(env, tree["visible"], names, (*where, "visible"))
        tree = tree | {"visible": not is_off(seen)}
        if never_shown(tree):
            return {"visible": False}
    children = tree.get("children") if "repeat" in tree else None
    rendered = {
        key: _render(env, value, names, (*where, key))
        for key, value in tree.items()
        if not (key == "children" and children is not None)
    }
    if not isinstance(children, list):
        return rendered
    rounds = _rounds(rendered.pop("repeat"), (*where, "repeat"))
    return rendered | {
        "children": [
            _render(env, child, names | {"item": item}, (*where, "children", at))
            for item in range(rounds)
            for at, child in enumerate(children)
        ]
    }


_plain: dict[int, tuple[Any, bool]] = {}


def _is_plain(tree: Any) -> bool:
    """Whether `tree` is the same for every product: nine tenths of a design are. Remembered by its identity,
    so a tree that was looked at is kept.
    """
    if isinstance(tree, str):
        return not is_template(tree)
    if not isinstance(tree, list | dict):
        return True
    if id(tree) not in _plain:
        varies = isinstance(tree, dict) and not tree.keys().isdisjoint(("visible", "repeat"))
        parts = tree.values() if isinstance(tree, dict) else tree
        _plain[id(tree)] = tree, not varies and all(map(_is_plain, parts))
    return _plain[id(tree)][1]


def _rounds(value: Any, where: tuple[str | int, ...]) -> int:
    """How often a stack or grid draws its children."""
    text = str(value).strip()
    if not text.isdecimal() or int(text) > MOST_ROUNDS:
        raise _Unusable("missing", f"must be a number from 0 to {MOST_ROUNDS}, not {text[:40]!r}", where)
    return int(text)


_compiled: dict[str, Any] = {}


def _render_text(
    env: ImmutableSandboxedEnvironment, text: str, names: Tree, where: tuple[str | int, ...]
) -> str:
    if not is_template(text):
        return text
    try:
        if text not in _compiled:
            _compiled[text] = env.from_string(text)
        rendered: str = _compiled[text].render(names)
    except UndefinedError as error:
        raise _Unusable("missing", str(error.message), where) from None
    except SecurityError as error:
        raise _Unusable("broken", f"is not allowed in a design: {error}", where) from None
    except TemplateSyntaxError as error:
        raise _Unusable("broken", f"is no template: {error.message}", where) from None
    except _TimeIsUp:
        problem = f"takes more than {CPU_SECONDS} s to render: look for a loop that does not end"
        raise _Unusable("broken", problem, where) from None
    except MemoryError:
        problem = "needs too much memory to render: look for a text that is repeated without end"
        raise _Unusable("broken", problem, where) from None
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
        raise _Unusable("missing", f"cannot be rendered: {error}", where) from None
    if len(rendered) > MAX_TEXT:
        raise _Unusable("broken", f"renders to more than {MAX_TEXT:,} characters: shorten it", where)
    return rendered


def _localised(function: Any) -> Any:
    @pass_context
    def filtered(context: Context, value: object, *args: str) -> str:
        return str(function(value, context["locale"], *args))

    return filtered


def _priced(function: Any) -> Any:
    @pass_context
    def filtered(context: Context, value: object) -> str:
        return str(function(value, context["currency"], context["locale"]))

    return filtered


@pass_context
def _symbol(context: Context, currency: str) -> str:
    return money.currency_symbol(currency, context["locale"])


def _lines(value: object) -> list[str]:
    """The lines of a text, empty ones left out: a list in a segment's copy is written one point a line."""
    return [line.strip() for line in str(value).splitlines() if line.strip()]


_FILTERS = {
    "lines": _lines,
    "money": _priced(money.money),
    "amount": _priced(money.amount),
    "symbol": _symbol,
    "percent": _localised(money.percent),
    "number": _localised(money.number),
    "date": _localised(money.day),
    "quoted": _localised(money.quoted),
    "discount_figure": _localised(money.discount_figure),
    "discount_word": _localised(money.discount_word),
}
