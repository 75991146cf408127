"""How far a pull is: a bar on a terminal, elsewhere a line for every tenth. On standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from codefactory.pipelines.models.catalogue import LocalModel
    from codefactory.pipelines.models.download import Progress

    Report = Callable[[Progress], None]


@contextmanager
def shown(model: LocalModel) -> Generator[Report]:
    err = terminal.console(stderr=True)
    if not err.is_terminal:
        yield _lines(model)
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(model.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, TextColumn("{task.fields[said]}", style="dim"), console=err, transient=True) as bars:
        task = bars.add_task("", total=model.bytes, said="")
        yield lambda p: bars.update(task, completed=p.done_bytes, said=p.message)


def _lines(model: LocalModel) -> Report:
    from codefactory.pipelines.models.catalogue import size

    told = 0

    def report(progress: Progress) -> None:
        nonlocal told
        tenth = 10 * progress.done_bytes // progress.total_bytes
        if tenth > told:
            told = tenth
            terminal.console(stderr=True).print(f"{model.name}: {tenth}0 % of {size(model.bytes)} · {progress.message}")

    return report
