"""Writes the parts of the documentation that the program itself can tell; run as a script to bring them up to date.

In README.md and docs/*.md, what stands between `<!-- generated: COMMAND -->` and `<!-- /generated -->`
is the output of COMMAND, one of `COMMANDS`, or one of `TABLES`. Some files are generated whole, see `PAGES`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
MARKDOWN = ("sway list-probes --format md",)
COMMANDS = (
    *MARKDOWN,
    "sway --help",
    *(
        f"sway {name} --help"
        for name in ("run", "gate", "compare", "diff", "check", "demo", "init", "list-probes", "explain", "doctor")
    ),
    *(f"sway {name} --help" for name in ("autogen", "pack", "unpack", "watch", "mine", "fetch")),
)
BLOCK = re.compile(r"(<!-- generated: (?P<command>[^>]*?) -->\n)(?P<body>.*?)(<!-- /generated -->)", re.DOTALL)


@cache
def output(command: str) -> str:
    """What a command prints, at a fixed width and without color. Raises RuntimeError if it fails."""
    from sway.cli.exits import handled
    from sway.cli.main import cli

    printed = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(printed):
            code = handled(lambda: cli.main(command.split()[1:], prog_name="sway", standalone_mode=False))
    finally:
        del os.environ["COLUMNS"]
        os.environ.update({"COLUMNS": before} if before is not None else {})
    if code:
        raise RuntimeError(f"{command} exits {code}")
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) + "\n"


def action_table(action: str, part: str) -> str:
    """The inputs or outputs of an action of ours, as Markdown."""
    rows = []
    for name, told in yaml.safe_load((ROOT / action).read_text(encoding="utf-8"))[part].items():
        usual = "required" if told.get("required") else f"`{told['default']}`" if told.get("default") else ""
        cells = [f"`{name}`", *([usual] if part == "inputs" else []), told["description"].strip()]
        rows.append(f"| {' | '.join(cells)} |\n")
    heads = "| input | default | |\n|---|---|---|\n" if part == "inputs" else "| output | |\n|---|---|\n"
    return heads + "".join(rows)


TABLES: dict[str, Callable[[], str]] = {
    f"{part} of {action}": partial(action_table, action, part)
    for action, part in (("action.yml", "inputs"), ("action.yml", "outputs"), ("comment/action.yml", "inputs"))
}


def block(command: str) -> str:
    """A table, or a command's output as Markdown. Raises ValueError for what is not in `TABLES` or `COMMANDS`."""
    if command in TABLES:
        return TABLES[command]()
    if command not in COMMANDS:
        raise ValueError(f"{command!r} is not one of {', '.join(COMMANDS)}")
    return output(command) if command in MARKDOWN else f"```text\n{output(command)}```\n"


def refreshed(text: str) -> str:
    """A page with every generated block up to date."""
    if text.count("<!-- generated:") != len(BLOCK.findall(text)):
        raise ValueError("a generated block has no end")
    return BLOCK.sub(lambda found: f"{found[1]}{block(found['command'])}{found[4]}", text)


def probes_page() -> str:
    """docs/probes.md: every probe's own documentation."""
    from sway.probes.registry import REGISTRY

    head = "# The probes\n\nThis page is what `sway explain` says of each probe.\n\n"
    table = block("sway list-probes --format md")
    kinds = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert set(kinds) == set(REGISTRY)
    return head + table + "".join(f"\n## {kind}\n\n```text\n{output(f'sway explain {kind}')}```\n" for kind in kinds)


PAGES: dict[str, Callable[[], str]] = {
    "docs/probes.md": probes_page,
    "docs/sway.schema.json": lambda: output("sway schema"),
    "docs/report.schema.json": lambda: output("sway schema --report"),
}


def pages() -> dict[Path, str]:
    """Every page that has generated parts, as it should be."""
    written = [p for p in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if p.exists()]
    blocks = {p: refreshed(p.read_text(encoding="utf-8")) for p in written if "<!-- generated:" in p.read_text("utf-8")}
    return {**blocks, **{ROOT / name: make() for name, make in PAGES.items()}}


def main() -> None:
    """Bring every page up to date."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
