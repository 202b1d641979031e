"""`sway watch`: judge every new version of an adapter as it appears."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from sway.cli.options import a_number


@click.command(short_help="Judge every new version of an adapter as it appears.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--history-dir", type=click.Path(path_type=Path), help="Default: sway-history beside SPEC.")
@click.option("--max-history", type=click.IntRange(min=1), default=100, show_default=True, help="Results kept.")
@click.option("--on-fail", metavar="CMD", help="Run where a version does not pass, its report in SWAY_RESULT_PATH.")
@click.option("--serve-url", envvar="SWAY_SERVE_URL", help="Have a running sway serve judge, with its models warm.")
@click.option(
    "--quiet",
    type=click.FloatRange(min=0.05, max=3600),
    default=2.0,
    show_default=True,
    callback=a_number,
    help="Seconds without a change before a version counts as whole.",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: physical cores.")
def watch(
    spec: Path,
    history_dir: Path | None,
    max_history: int,
    on_fail: str | None,
    serve_url: str | None,
    quiet: float,
    threads: int | None,
) -> None:
    """Follow the adapter of SPEC and judge each version of it, until interrupted (exit 130).

    An adapter in a document's store is followed by the store's current.txt, any other by the files of its folder.
    """
    from sway.cli.watching import followed_by, judge_here, judge_there, load_for
    from sway.core.errors import require
    from sway.core.text import printable
    from sway.watch import hook
    from sway.watch.history import History
    from sway.watch.loop import Watcher
    from sway.watch.ticks import ticks

    require("watch", "watchfiles")
    words = hook.parse(on_fail) if on_fail is not None else ()
    followed = followed_by(spec)
    load_for(followed.spec, followed.spec.parent)  # whatever else is wrong with the spec is told before any wait
    history = History(history_dir or followed.spec.parent / "sway-history", max_history)
    history.prepare()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watcher = Watcher(
        followed,
        history,
        judge_there(followed.spec, serve_url) if serve_url else judge_here(followed.spec, threads),
        lambda result: hook.call(words, result) if words else "",
        lambda text: click.echo("\n".join(printable(line) for line in text.splitlines())),
        quiet,
    )
    watcher.tell(f"following {followed.shown}; results in {history.folder}")
    watcher.run(ticks(followed.places, min(quiet / 2, 1.0)))
