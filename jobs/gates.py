"""May a candidate take the place of the network in use? What it must not do worse, and by how much.

Both are judged on the same held-out photos and differences are taken photo by photo. A gate holds where even
the upper end of the difference's 95 % interval stays within the tolerance: "no difference was seen" on ten
photos proves nothing, so fewer than `LEAST` are refused in words that say so. Nothing has to be better: a
network that is as good on these photos may be the better one on new goods.

A share is harder to prove than a mean: where not one of n photos changed, it may still have risen by 3.84 of
n + 3.84, which is within two points from 189 photos on. A smaller set that leaves no more open than that has
said all it can. It passes, and the verdict says how much of a rise it cannot exclude.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shm.train.compare import Comparison
from shm.train.results import POOR, Refusal, Report, Row
from shm.train.statistics import Mean, mean_of, share_change

LEAST = 30
"""Photos that a gate asks for. A percentile bootstrap of fewer is too narrow to be called 95 %: of normal
values it has 94 % of the width of Student's interval at 30, 82 % at 10, and none at 1 (the "narrowness bias"
of Hesterberg 2015, What Teachers Should Know About the Bootstrap, The American Statistician 69:371-386)."""
WORST = 0.03
"""Share of the present error by which a mean error may rise: below what anybody sees on a banner."""
MORE_FAILURES = 0.02
"""Of the photos: one in fifty more cut-outs that have lost or gained a visible part."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One measure, smaller is better: `of` gives its value for each photo that has it. `tolerance` is a share
    of the present mean; of one that `counts`, whose values are 0 and 1, a difference of their shares."""

    name: str
    of: Callable[[Report], list[float]]
    tolerance: float
    counts: bool = False

    def limit(self, present: float) -> float:
        """How far the mean may rise."""
        return self.tolerance if self.counts else self.tolerance * present

    def least_end(self, photos: int) -> float:
        """The upper end that so many photos have if nothing changed on any of them."""
        return share_change(0, 0, photos).high if self.counts else 0.0

    def change(self, present: Sequence[float], candidate: Sequence[float]) -> Mean:
        """Candidate - present, photo by photo."""
        changes = [new - old for old, new in zip(present, candidate, strict=True)]
        if self.counts:
            return share_change(changes.count(1), changes.count(-1), len(changes))
        return mean_of(changes)

    @property
    def told(self) -> str:
        """The tolerance in words."""
        return f"+{100 * self.tolerance:.0f} points" if self.counts else f"+{self.tolerance:.0%}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's word on a candidate. `change` candidate - present over `photos`; None where no photo has this
    measure."""

    gate: Gate
    photos: int
    present: float = 0.0
    candidate: float = 0.0
    change: Mean | None = None

    @property
    def holds(self) -> bool:
        """Whether it lets the candidate pass."""
        if self.change is None or self.photos < LEAST:
            return False
        return self.change.high <= max(self.gate.limit(self.present), self.gate.least_end(self.photos))

    @property
    def words(self) -> str:
        """Holds, and what that leaves open; or why not."""
        if self.change is None:
            return "not measured: no held-out photo has a soft alpha; add some to alphas/"
        if self.photos < LEAST:
            return f"not proven: {self.photos} photo{'s' * (self.photos != 1)}; needs {LEAST}"
        limit = self.gate.limit(self.present)
        if self.holds and self.change.high > limit:
            return f"holds (up to {100 * self.change.high:+.1f} points cannot be excluded)"
        if self.holds:
            return "holds"
        if self.change.mean > limit:
            return "worse"
        return f"not proven: {self.photos} photos leave room for more than {self.gate.told}; add photos"


def gross_failure(row: Row) -> bool:
    """Whether a cut-out has lost or gained a visible part, or nobody was found in it."""
    return row.iou_outside < POOR or bool(row.refused)


def _let_through(row: Refusal) -> bool:
    return not row.refused


GATES = (
    Gate("SAD", lambda report: [row.whole.sad for row in report.rows], WORST),
    Gate(
        "unknown-band MAD",
        lambda report: [row.band.mad for row in report.rows if row.band is not None],
        WORST,
    ),
    Gate(
        "gross failures",
        lambda report: [float(gross_failure(row)) for row in report.rows],
        MORE_FAILURES,
        counts=True,
    ),
)
NEGATIVES = Gate(
    "let through without people",
    lambda report: [float(_let_through(row)) for row in report.negatives],
    MORE_FAILURES,
    counts=True,
)
"""Asked where photos with nobody in them are given."""


def judge_gates(found: Comparison) -> tuple[Verdict, ...]:
    """What each gate says: `found.a` is the network in use, `found.b` the candidate."""
    gates = (*GATES, NEGATIVES) if found.a.negatives else GATES
    return tuple(_judge(gate, found) for gate in gates)


def gates_table(verdicts: Sequence[Verdict]) -> str:
    """For people."""
    lines = [
        f"{'gate':<28}{'in use':>9}{'candidate':>11}{'change':>10}   {'95 % interval':<20}"
        "  may rise by  verdict"
    ]
    for verdict in verdicts:
        change = verdict.change
        figures = f"{'-':>9}{'-':>11}{'-':>10}   {'-':<20}"
        if change is not None:
            interval = f"[{change.low:+.4f}, {change.high:+.4f}]"
            figures = (
                f"{verdict.present:>9.4f}{verdict.candidate:>11.4f}{change.mean:>+10.4f}   {interval:<20}"
            )
        lines.append(f"{verdict.gate.name:<28}{figures}  {verdict.gate.told:<11}  {verdict.words}")
    return "\n".join(lines)


def _judge(gate: Gate, found: Comparison) -> Verdict:
    present, candidate = gate.of(found.a), gate.of(found.b)
    if not present:
        return Verdict(gate, 0)
    change = gate.change(present, candidate)
    return Verdict(gate, len(present), mean_of(present).mean, mean_of(candidate).mean, change)
