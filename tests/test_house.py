"""Rules of the house that no linter checks."""

import ast
import io
import json
import re
import statistics
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted([*ROOT.glob("sway/**/*.py"), *ROOT.glob("dlm_sway/**/*.py")])
PYTHON = [*MODULES, *sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])]
WRITTEN = [
    *PYTHON,
    *(path for kind in ("*.md", "*.toml", "Makefile", "docs/**/*.md", "templates/*.j2") for path in ROOT.glob(kind)),
]
MOST_LINES, MOST_PROBE_LINES, MOST_FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 250, 150, 40, 10
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
ISSUE = re.compile(r"(?<![\w&])#\d+\b")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def function_lines(path: Path) -> dict[str, int]:
    """The length of each function without its docstring, by place."""
    lengths = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            lengths[f"{name(path)}:{node.lineno} {node.name}"] = (node.end_lineno or 0) - node.lineno + 1 - docstring
    return lengths


def comments(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text.splitlines()
    return [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]


def test_files_are_short():
    long = {
        name(path): count
        for path in MODULES
        if (count := len(path.read_text(encoding="utf-8").splitlines()))
        > (MOST_PROBE_LINES if path.parent == ROOT / "sway" / "probes" else MOST_LINES)
    }
    assert not long


def test_functions_are_short():
    lengths = {place: count for path in MODULES for place, count in function_lines(path).items()}
    assert not {place: count for place, count in lengths.items() if count > MOST_FUNCTION_LINES}
    assert statistics.median(lengths.values()) < MEDIAN_FUNCTION_LINES


def test_every_module_says_what_it_is():
    assert not [name(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]


@pytest.mark.parametrize(
    ("rule", "read"), [(UNFINISHED, lambda p: p.read_text("utf-8").splitlines()), (ISSUE, comments)]
)
def test_nothing_refers_to_work_undone_or_to_issues(rule, read):
    assert not [f"{name(path)}: {line.strip()}" for path in WRITTEN for line in read(path) if rule.search(line)]


def loaded_by(code: str, cwd: Path) -> set[str]:
    """The modules that are loaded once `code` has run in an interpreter of its own."""
    ending = f"\nimport json, sys\nsys.path.insert(0, {str(ROOT)!r})\n"
    script = f"{ending}{code}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(("command", "expected"), [("run", 0), ("gate", 3)])
def test_a_suite_that_reads_files_alone_loads_no_model_library(tmp_path, command, expected):
    (tmp_path / "adapter").mkdir()
    models = {"base": {"base": "m"}, "ft": {"base": "m", "adapter": "adapter"}}
    suite = [{"name": kind, "kind": kind} for kind in ("gradient_ghost", "training_drift")]
    (tmp_path / "sway.yaml").write_text(json.dumps({"version": 1, "models": models, "suite": suite}))
    code = (
        "from sway.cli.main import cli; from sway.cli.exits import handled\n"
        f"code = handled(lambda: cli.main([{command!r}, 'sway.yaml'], prog_name='sway', standalone_mode=False))\n"
        f"assert code == {expected}, code"
    )
    loaded = loaded_by(code, tmp_path)
    assert "sway.probes" in loaded
    assert not loaded & {"torch", "transformers", "peft", "tokenizers", "safetensors.torch", "scipy.stats"}


def test_nothing_that_git_ignores_is_kept_in_it():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
    assert ".schemathesis/" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_module_of_the_package_is_reached_by_the_older_name():
    """A module that cannot be imported without an extra is no module of the core."""
    light = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in ROOT.glob("sway/core/*.py")]
    names = [n.removesuffix(".__init__") for n in light]
    code = "import importlib\n" + "\n".join(
        f"assert importlib.import_module('dlm_{n}') is importlib.import_module('{n}')" for n in names
    )
    assert "torch" not in loaded_by(code, ROOT)
