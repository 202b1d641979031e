"""The reports that a command writes beside what it prints: options, a check before the work, then the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click

from sway.cli.output import check_target, write_atomically
from sway.cli.several import NAME, place
from sway.core.errors import SwayError, require
from sway.report.formats import FORMATS
from sway.report.records import Report

Command = TypeVar("Command", bound=Callable[..., object])
JUNIT_FILE = "sway-junit.xml"
ENDINGS = {"json": ".json", "markdown": ".md", "html": ".html", "junit": ".xml", "sarif": ".sarif"}
PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Outputs:
    """Where a command's reports go: a path a format, and a folder for plots. `inputs` are what they are made from."""

    files: dict[str, Path]
    plots: Path | None
    inputs: tuple[Path, ...]

    def check(self) -> None:
        """Raise `SwayError` if any report cannot be written, would replace an input, or another report."""
        for path in self.files.values():
            check_target(path, *self.inputs)
        for first, second in self._pairs():
            if first.resolve() == second.resolve() and (first.is_file() or not first.exists()):
                raise SwayError(
                    "two reports would go to one file", where=str(first), mend="give each a path of its own"
                )
        if self.plots is not None:
            require("viz", "matplotlib")
            _check_folder(self.plots)

    def placed(self, name: str) -> Outputs:
        """One of several specs' outputs: its files in the folders that were given, or the patterns filled in.

        Raises:
            SwayError: a path is neither a folder nor has `{name}` in it.
        """
        files = {}
        for form, path in self.files.items():
            pattern = path.with_stem(f"{path.stem}-{NAME}") if path == Path(JUNIT_FILE) else path
            files[form] = place(pattern, name, ENDINGS[form], several=True)
        plots = self.plots / name if self.plots else None
        return replace(self, files={k: v for k, v in files.items() if v}, plots=plots)

    def _pairs(self) -> Iterator[tuple[Path, Path]]:
        paths = list(self.files.values())
        return ((a, b) for i, a in enumerate(paths) for b in paths[i + 1 :])

    def write(self, report: Report) -> None:
        """Write every report."""
        for form, path in self.files.items():
            write_atomically(path, FORMATS[form](report))
        if self.plots is not None:
            from sway.report.plots import write_plots

            write_plots(report, self.plots)


def _check_folder(folder: Path) -> None:
    """Make the folder of the plots, so that a place where none can be is told before the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise SwayError(f"cannot be made a folder: {reason}", where=str(folder)[:200], mend="choose another") from None
    check_target(folder / "plot.png")


def _no_spec(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a spec as the path of a JUnit report: `--junit sway.yaml` means the bare option before a spec."""
    if value is not None and value.suffix.lower() in (".yaml", ".yml"):
        raise click.BadParameter(f"{value} is a spec: give --junit after it, or as --junit=PATH.", context, option)
    return value


OPTIONS = (
    click.option("-j", "--json", "json_path", type=PATH, help="Write the JSON report here."),
    click.option("-m", "--markdown", "markdown_path", type=PATH, help="Write a Markdown report here."),
    click.option("--html", "html_path", type=PATH, help="Write a report for the browser here: one file, offline."),
    click.option(
        "--junit",
        "junit_path",
        type=PATH,
        is_flag=False,
        flag_value=Path(JUNIT_FILE),
        callback=_no_spec,
        help=f"Write JUnit XML here; bare: {JUNIT_FILE}.",
    ),
    click.option("--sarif", "sarif_path", type=PATH, help="Write SARIF here, for code scanning."),
    click.option("--plots", type=PATH, help="Write PNG plots into this folder (viz extra)."),
)


def reporting(command: Command) -> Command:
    """The options of every command that reports; `outputs` makes them one value."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def outputs(paths: dict[str, Path | None], inputs: tuple[Path, ...]) -> Outputs:
    """The options' values as one: `{"json_path": ..., "plots": ...}`; none of the `inputs` may be replaced."""
    plots = paths.pop("plots", None)
    files = {name.removesuffix("_path"): path for name, path in paths.items() if path is not None}
    return Outputs(files, plots, inputs)
