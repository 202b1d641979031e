"""The `sway` command. Imports nothing but click until a command is chosen, so that help is instant."""

from __future__ import annotations

import signal
from importlib import import_module

import click

from sway import __version__
from sway.cli.exits import handled

COMMANDS = {
    "run": ("sway.cli.run:run", "Measure a suite and show the report."),
    "gate": ("sway.cli.gate:gate", "Pass or fail, as an exit code."),
    "report": ("sway.cli.report:report", "A saved report again, in any format."),
    "compare": ("sway.cli.compare:compare_reports", "Is a run worse than another? From their JSON reports."),
    "diff": ("sway.cli.diff:diff", "Is one adapter worse than another? Both are asked in one run."),
    "trace": ("sway.cli.trace:trace", "Where a run's time went, batch by batch."),
    "check": ("sway.cli.check:check", "Is there anything in this adapter? No spec needed."),
    "demo": ("sway.cli.demo:demo", "See a gate pass one adapter and stop two, offline."),
    "init": ("sway.cli.init:init", "Write a commented starter spec for an adapter."),
    "autogen": ("sway.cli.autogen:autogen", "Write a spec from a trained .dlm document."),
    "pack": ("sway.cli.pack:pack", "Put a spec and all that it reads into one file."),
    "unpack": ("sway.cli.unpack:unpack", "Take a packed spec apart, and say how to run it."),
    "watch": ("sway.cli.watch:watch", "Judge every new version of an adapter as it appears."),
    "fetch": ("sway.cli.fetch:fetch_models", "Get base models from the hub, for runs without a network."),
    "mine": ("sway.cli.mine:mine", "Find prompts that a suite should ask."),
    "convert-adapter": ("sway.cli.convert_adapter:convert_adapter", "Write an adapter as another runtime loads it."),
    "list-probes": ("sway.cli.probes:list_probes", "What can be asked of an adapter."),
    "explain": ("sway.cli.probes:explain", "What a probe measures, or what a report means."),
    "schema": ("sway.cli.schema:schema", "The JSON Schema of a spec, for editors."),
    "serve": ("sway.cli.serve:serve", "Keep models loaded and answer over HTTP."),
    "post": ("sway.cli.post:post", "Tell on GitHub what a gate found."),
    "last-report": ("sway.cli.last_report:last_report", "Fetch the base branch's last report from GitHub."),
    "doctor": ("sway.cli.doctor:doctor", "What is installed, and what is missing."),
}
"""Name: where the command is, and its short help, so that `--help` need not load it."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command called; an unknown one names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from sway.suite.problems import nearest

            ctx.fail(f"there is no command {name!r}; {nearest(name, COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from their literal short helps."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sway", message="%(prog)s %(version)s")
def cli() -> None:
    """Did this LoRA adapter change the model the way you meant, and is it safe to merge?"""


def main() -> None:
    """Run the command line and exit with the code that `sway.core.exits` defines."""
    signal.signal(signal.SIGTERM, _interrupt)
    raise SystemExit(handled(lambda: cli.main(prog_name="sway", standalone_mode=False)))


def _interrupt(*_: object) -> None:
    """End as Ctrl-C does, so that what was measured is kept: CI runners and containers stop with SIGTERM."""
    raise KeyboardInterrupt
