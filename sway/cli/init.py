"""`sway init`: a commented starter spec for an adapter, which runs as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sway.core.errors import SwayError

if TYPE_CHECKING:
    from sway.core.sections import Section


@click.command(short_help="Write a commented starter spec for an adapter.")
@click.argument("adapter", type=click.Path(path_type=Path), default=Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("sway.yaml"), show_default=True)
@click.option("--base", help="Hub id or folder; default: what the adapter says it was trained on.")
@click.option("--sections", type=click.Path(path_type=Path), help="The training text: .md, .json or .yaml.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(adapter: Path, output: Path, base: str | None, sections: Path | None, force: bool) -> None:
    """Write a spec for the adapter in the folder ADAPTER (default: this folder)."""
    from sway.cli.output import check_new, check_target, write_atomically
    from sway.suite.loader import spec_from_text

    check_new(output, force)
    check_target(output, *_inputs(adapter, sections))
    starter = _Starter(adapter, output, base, sections)
    loaded = spec_from_text(render(starter), path=output)
    text = render(starter, loaded.sections)
    write_atomically(output, text)
    click.echo(f"wrote {output}; next: sway run {output} --dry-run")


@dataclass(frozen=True)
class _Starter:
    """What the user named."""

    adapter: Path
    output: Path
    base: str | None
    sections: Path | None

    def relative(self, path: Path) -> str:
        """A path as the spec should name it: relative to the spec, in quotes."""
        there = os.path.relpath(_real(path), self.output.parent.resolve())
        return _quoted(there if there.startswith(os.curdir) else f"./{there}")


def _inputs(adapter: Path, sections: Path | None) -> Iterator[Path]:
    """The files that the spec is made from."""
    from sway.backends.adapter_config import CONFIG_NAME

    yield _real(adapter) / CONFIG_NAME
    if sections is not None:
        yield _real(sections)


def _real(path: Path) -> Path:
    """The path without `~` and links; as it is where they lead nowhere."""
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111 - these raise for no path


def render(starter: _Starter, sections: Collection[Section] = ()) -> str:
    """The text of the spec. Some probes ask about one kind of `sections` alone, and leakage about long ones.

    Raises:
        SwayError: the adapter cannot be read, or names no base and none is given.
    """
    from sway.core.sections import SectionKind
    from sway.core.templates import environment
    from sway.core.text import printable
    from sway.integrations.dlm.recipes import LEAST_LEAK_CHARS
    from sway.probes.packs import check_prompts
    from sway.probes.undertraining import STATE_FILE

    folder = _real(starter.adapter)
    return (
        environment()
        .get_template("sway.yaml.j2")
        .render(
            adapter_shown=printable(str(starter.adapter)),
            file=printable(starter.output.name),
            base=_base(starter, folder),
            adapter=starter.relative(folder),
            sections=starter.relative(starter.sections) if starter.sections else None,
            kinds={s.kind.value for s in sections},
            leakable=any(s.kind is SectionKind.PROSE and len(s.content.strip()) >= LEAST_LEAK_CHARS for s in sections),
            least_leak_chars=LEAST_LEAK_CHARS,
            prompts=[_quoted(p) for p in check_prompts()],
            has_state=(folder / STATE_FILE).is_file(),
            has_log=_has_log(folder),
        )
    )


def _base(starter: _Starter, folder: Path) -> str:
    """The base as given or as the adapter names it; a folder becomes relative to the spec."""
    from sway.backends.adapter_config import read_config
    from sway.suite.resolve import expand, looks_like_path

    config, _ = read_config(folder)
    base = starter.base or config.base_model_name_or_path
    if not base:
        raise SwayError("the adapter does not say what base it was trained on", where=str(folder), mend="give --base")
    path = expand(base)
    if path and path.is_dir():
        return starter.relative(path)
    if looks_like_path(base):
        where = "--base" if starter.base else str(folder / "adapter_config.json")
        raise SwayError(f"the base {base!r} is no folder here", where=where, mend="give --base a folder or a hub id")
    return _quoted(base)


def _has_log(folder: Path) -> bool:
    from sway.probes.training_log import find_training_log

    try:
        return find_training_log(None, folder) is not None
    except SwayError:
        return True


def _quoted(text: str) -> str:
    """A JSON string, which is a YAML string too."""
    return json.dumps(text, ensure_ascii=False)
