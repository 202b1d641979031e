"""`sway serve`: a daemon that keeps models loaded."""

from __future__ import annotations

from pathlib import Path

import click

from sway.cli.options import a_number


@click.command(short_help="Keep models loaded and answer over HTTP.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 takes a free one.")
@click.option(
    "--max-loaded-models", type=click.IntRange(min=1), default=2, show_default=True, help="Then the oldest goes."
)
@click.option("--api-key", envvar="SWAY_SERVE_KEY", help="What requests must bear; better set SWAY_SERVE_KEY.")
@click.option(
    "--root",
    "roots",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Folder that specs may name files in; repeatable; default: this one.",
)
@click.option("--allow-download", is_flag=True, help="Let specs name models that are not on this machine yet.")
@click.option("--allow-code", is_flag=True, help="Let specs run code that they or their models bring.")
@click.option(
    "--allow-endpoint", "endpoints", multiple=True, metavar="URL", help="Server that kind api may be on; repeatable."
)
@click.option(
    "--max-request-mb",
    type=click.FloatRange(0, 1024, min_open=True),
    default=8,
    show_default=True,
    callback=a_number,
    help="Largest request.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(0, min_open=True),
    default=3600,
    show_default=True,
    callback=a_number,
    help="Longest request.",
)
def serve(
    host: str,
    port: int,
    max_loaded_models: int,
    api_key: str | None,
    roots: tuple[Path, ...],
    allow_download: bool,
    allow_code: bool,
    endpoints: tuple[str, ...],
    max_request_mb: float,
    max_seconds: float,
) -> None:
    """Judge suites over HTTP with models that stay loaded, until interrupted.

    A spec from the network may name only files below --root, and runs no code of its own; docs/serve.md has the rules.
    """
    from sway.core.errors import SwayError, require

    require("serve", "fastapi", "uvicorn")
    from sway.serve.policy import Policy, origin
    from sway.serve.server import Address
    from sway.serve.server import serve as listen
    from sway.serve.service import Service

    if bad := next((e for e in endpoints if origin(e) is None), None):
        raise SwayError(f"{bad!r} is no address", where="--allow-endpoint", mend="write http://host:port")
    folders = tuple(root.resolve() for root in roots or (Path.cwd(),))
    policy = Policy(folders, allow_download, allow_code, endpoints)
    service = Service(policy, max_models=max_loaded_models, seconds=max_seconds)
    address = Address(host, port, api_key, int(max_request_mb * 2**20))
    listen(service, address, lambda url: click.echo(f"sway serve: {url}", err=True))
