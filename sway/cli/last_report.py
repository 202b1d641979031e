"""`sway last-report`: the base branch's last report, to hold this one's against."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sway.core.errors import SwayError, require
from sway.github.baseline import Unread, leave_note
from sway.github.event import read_occasion
from sway.github.outputs import say
from sway.github.settings import read_settings


@click.command(name="last-report", short_help="Fetch the base branch's last report from GitHub.")
@click.option("--artifact", required=True, help="The artifact that holds the reports.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="An empty folder to unpack them into.")
def last_report(artifact: str, output: Path) -> None:
    """Unpack the reports of the base branch's last successful run of this workflow.

    Runs in a GitHub workflow, with permission actions: read. Only runs that a push to the base branch set off count.
    Where there is no such report it says so and exits 0, with nothing written. Where GitHub does not give it, a note
    is left in the folder, from which `sway post` knows that there may be one.
    """
    require("github", "github")
    from sway.github.artifact import last_report as fetch
    from sway.github.transport import Client, Refused

    settings = read_settings(os.environ)
    try:
        names = fetch(Client(settings), read_occasion(settings), artifact, output)
    except SwayError as fault:
        denied = isinstance(fault, Refused) and fault.status in (401, 403, 404)
        leave_note(output, Unread.DENIED if denied else Unread.FAULT)
        if settings.wanted.fail_on_regression:
            raise
        mend = " (give the job permission actions: read)" if denied else ""
        say(f"The base branch's last report could not be read: {fault}{mend}", "warning")
        return
    for name in names:
        say(f"The base branch's report: {name}")
    if not names:
        say("The base branch has no report yet to compare with.", "notice")
