"""The command `banners`. What a user can do wrong ends in one line on stderr, never in a traceback."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from jobs import (
    commands_cases,
    commands_check,
    commands_look,
    commands_matte,
    commands_model,
    commands_promote,
    commands_publish,
    commands_report,
    commands_retrain,
    commands_run,
    commands_submit,
    commands_template,
    commands_train,
)
from pipeline.errors import JobError, ObjectError, Transient
from shm.checkpoint import WeightsError
from shm.engine import NoGpu

CANNOT_RUN = 1


class _Group(TyperGroup):
    """Commands that say what is wrong in one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Transient as error:
            problem = f"{error}; run again, it may work then"
        except (JobError, ObjectError, WeightsError, NoGpu) as error:
            problem = str(error)
        print(f"banners: {problem}", file=sys.stderr)
        raise typer.Exit(CANNOT_RUN)


app = typer.Typer(
    cls=_Group,
    help="Personalised promotional banners from photos of people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(commands_run.run)
app.command()(commands_check.check)
app.command()(commands_report.report)
app.command()(commands_publish.approve)
app.command()(commands_publish.prune)
app.command()(commands_look.preview)
app.command()(commands_matte.matte)
app.command()(commands_train.train)
app.command()(commands_model.evaluate)
app.command()(commands_model.export)
app.command()(commands_submit.submit)
app.command()(commands_retrain.submit_retrain)
app.command()(commands_retrain.retrain)
app.command()(commands_promote.promote)
app.command()(commands_cases.export_hard_cases)
app.command()(commands_cases.import_annotations)
app.add_typer(commands_template.app, name="template")


def main() -> None:
    """The console script."""
    app()
