"""SHM's own result tables (Chen et al. 2018, Tables 3 to 5), to read ours beside.

Figures are the paper's: averages over its 1,400 composited test images, which were never released.
"""

from dataclasses import dataclass

from shm.metrics import PaperUnits


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: our words, the paper's, its figures (None for a line of ours), and `run`, the key
    of our results, None for a method that is never run; `why` says what is missing where it was not run."""

    method: str
    paper_method: str
    figures: PaperUnits | None
    run: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """One table."""

    number: int
    title: str
    lines: tuple[Line, ...]


_NONE_HERE = "no implementation here"
_SHM = PaperUnits(3.833, 1.534, 5.179, 36.513)


def _without(name: str) -> str:
    return f"--checkpoint {name}"


TABLES = (
    Published(
        3,
        "no trimap given",
        (
            Line(
                "T-Net as segmentation",
                "PSP50 Seg",
                PaperUnits(14.821, 11.530, 52.336, 44.854),
                "segmentation",
            ),
            Line("T-Net as regression", "PSP50 Reg", PaperUnits(10.098, 5.430, 15.441, 65.217), "regression"),
            Line(
                "T-Net's trimap + closed-form",
                "PSP50+CF",
                PaperUnits(8.809, 5.218, 21.819, 43.927),
                "predicted closed-form",
            ),
            Line(
                "T-Net's trimap + KNN", "PSP50+KNN", PaperUnits(7.806, 4.390, 20.476, 56.328), "predicted knn"
            ),
            Line(
                "T-Net's trimap + DCNN",
                "PSP50+DCNN",
                PaperUnits(8.378, 4.756, 20.801, 50.574),
                None,
                _NONE_HERE,
            ),
            Line(
                "T-Net's trimap + IFM",
                "PSP50+IFM",
                PaperUnits(7.576, 4.275, 19.762, 52.470),
                None,
                _NONE_HERE,
            ),
            Line(
                "T-Net's trimap + M-Net, 4 channels",
                "PSP50+DIM",
                PaperUnits(6.140, 3.834, 19.414, 41.884),
                "predicted dim",
                _without("dim"),
            ),
            Line("SHM", "SHM", _SHM, "shm"),
        ),
    ),
    Published(
        4,
        "true trimap given (except to SHM)",
        (
            Line("closed-form", "TrimapGT+CF", PaperUnits(6.772, 2.258, 9.0390, 34.248), "true closed-form"),
            Line("KNN", "TrimapGT+KNN", PaperUnits(8.379, 3.413, 16.451, 83.458), "true knn"),
            Line("DCNN", "TrimapGT+DCNN", PaperUnits(6.760, 2.162, 9.753, 44.392), None, _NONE_HERE),
            Line("IFM", "TrimapGT+IFM", PaperUnits(5.933, 1.798, 8.290, 54.257), None, _NONE_HERE),
            Line(
                "M-Net, 4 channels",
                "TrimapGT+DIM",
                PaperUnits(2.642, 0.589, 3.035, 25.773),
                "true dim",
                _without("dim"),
            ),
            Line("this network's own M-Net", "", None, "true own"),
            Line("SHM", "SHM", _SHM, "shm"),
        ),
    ),
    Published(
        5,
        "what each part is worth",
        (
            Line(
                "no end-to-end training",
                "no end-to-end",
                PaperUnits(7.576, 4.275, 19.762, 52.470),
                "no-end-to-end",
                _without("no-end-to-end"),
            ),
            Line(
                "no fusion: alpha is M-Net's",
                "no Fusion",
                PaperUnits(4.231, 2.146, 5.230, 56.402),
                "no-fusion",
                _without("no-fusion"),
            ),
            Line(
                "no L_t: no trimap loss",
                "no Lt",
                PaperUnits(4.536, 2.278, 5.424, 52.546),
                "no-trimap-loss",
                _without("no-trimap-loss"),
            ),
            Line("SHM", "SHM", _SHM, "shm"),
        ),
    ),
)

CAUTIONS = (
    "The paper's figures are averages over its own test images, which nobody else has: compare how the lines "
    "of a table stand to each other, not a figure here with a figure there.",
    "Grad: here the gradient filters have unit L2 norm, as in the metric's published code. The size of the "
    "paper's figures fits plain Gaussian derivatives instead, which at this width give squared errors about "
    "97 times smaller.",
    "Conn: both columns are headed as in the paper, per pixel in 1e-5. On other data Conn comes out close to "
    "SAD; the paper's would with 1e-4, so its heading is probably wrong by ten.",
    "Table 5: the paper's figures without end-to-end training repeat its PSP50+IFM line digit for digit, "
    "most likely a slip of the pen; PSP50+DIM is the line that comes nearest to what was meant.",
)
"""To print under the tables: how far the paper's figures can be read beside others."""
