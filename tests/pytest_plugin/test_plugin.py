"""The plugin as a project's own pytest sees it."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest
import scipy.stats  # noqa: F401  # pytester forgets what a run imports, and compiled modules can be loaded only once

import sway.engine.run
import sway.pytest_plugin
from tests.test_house import ROOT, loaded_by

pytest_plugins = ("pytester",)

MODELS = {"base": {"kind": "dummy", "base": "b"}, "ft": {"kind": "dummy", "base": "b"}}
PROMPTS = [f"prompt {i}" for i in range(9)]
HOLDS = {"name": "changed", "kind": "delta_kl", "prompts": PROMPTS}
FAILS = {"name": "far", "kind": "delta_kl", "prompts": PROMPTS, "assert_mean_gte": 0.69}
WARNS = {"name": "few", "kind": "delta_kl", "prompts": PROMPTS[:3], "assert_mean_gte": 0.09}
SKIPS = {"name": "text", "kind": "section_internalization"}
BREAKS = {"name": "ghost", "kind": "gradient_ghost", "adapter_path": "broken"}
MARKED = 'import pytest\n@pytest.mark.sway(spec="sway.yaml"{})\ndef test_adapter():\n    pass\n'
COUNTING = """
from pathlib import Path
from sway.backends.dummy import DummyBackend
class Counting(DummyBackend):
    def __init__(self, base, tuned):
        super().__init__(base, tuned)
        with (Path(__file__).parent / "loads").open("a") as log:
            log.write("loaded\\n")
    def _answer(self, request):
        with (Path(__file__).parent / "asked").open("a") as log:
            log.write(type(request).__name__ + "\\n")
        return super()._answer(request)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """A project whose spec counts how often its model is loaded, and whose pytest finds the plugin by entry point."""
    for name in ("SWAY_ALLOW_CUSTOM", "SWAY_DISABLE_NULL_CACHE"):
        monkeypatch.setenv(name, "1")
    pytester.makepyfile(counting=COUNTING)
    (pytester.path / "broken").mkdir()
    (pytester.path / "broken" / "training_state.pt").write_bytes(b"not a zip")
    installed = pytester.path / "site" / "plugin-1.dist-info"
    installed.mkdir(parents=True)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[pytest11]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{pytester.path / 'site'}:{pytester.path}")
    monkeypatch.syspath_prepend(str(pytester.path))
    return pytester


def write(project: pytest.Pytester, *suite: dict, arguments: str = "") -> None:
    model = {"kind": "custom", "base": "b", "entry_point": "counting:Counting"}
    spec = {"version": 1, "models": {"base": model, "ft": model}, "suite": list(suite)}
    (project.path / "sway.yaml").write_text(json.dumps(spec))
    project.makepyfile(test_it=MARKED.format(arguments))


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    installed = any(point.name == "sway" for point in entry_points(group="pytest11"))
    plugins = [] if installed else [sway.pytest_plugin]
    args = ("-p", "no:cacheprovider", "--strict-markers", "-W", "default", *args)
    return project.runpytest_inprocess(*args, plugins=plugins)


def lines(project: pytest.Pytester, name: str) -> int:
    path = project.path / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_each_probe_and_the_gate_are_items_and_the_suite_runs_once(project) -> None:
    write(project, HOLDS, FAILS, WARNS, SKIPS, BREAKS)
    ran = run(project, "-v")
    ran.assert_outcomes(passed=2, failed=3, skipped=1, warnings=1)
    for line in ("changed PASSED*", "far FAILED*", "few PASSED*", "text SKIPPED*", "ghost FAILED*", "__gate__ FAILED*"):
        ran.stdout.fnmatch_lines([f"test_it.py::test_adapter::{line}"])
    ran.stdout.fnmatch_lines(["far: mean divergence*needs >= 0.69*", "-> Train longer*"])
    ran.stdout.fnmatch_lines(["*SwayWarning: few: *inconclusive*"])
    ran.stdout.fnmatch_lines(["far failed", "text was skipped but is required", "ghost could not be measured"])
    assert "Traceback" not in ran.stdout.str()
    assert lines(project, "loads") == 1


def test_a_gate_that_holds_passes(project) -> None:
    write(project, HOLDS, arguments=", threshold=0.5, weights={'adherence': 1.0}")
    run(project).assert_outcomes(passed=2)


def test_the_guide_shows_what_works(project) -> None:
    write(project, HOLDS)
    page = (ROOT / "docs" / "pytest.md").read_text()
    project.makepyfile(test_it=page.partition("```python\n")[2].partition("```")[0])
    run(project).assert_outcomes(passed=2)


def test_a_threshold_closes_the_gate_alone(project) -> None:
    write(project, HOLDS, arguments=", threshold=1.0")
    ran = run(project)
    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(["score 0.* is below the threshold 1"])


def test_a_gate_that_warns_passes_with_a_warning(project) -> None:
    write(project, WARNS)
    run(project).assert_outcomes(passed=2, warnings=2)


def test_a_probe_that_is_not_required_never_fails(project) -> None:
    write(project, HOLDS, {**FAILS, "required": False})
    ran = run(project)
    ran.assert_outcomes(passed=3, warnings=1)
    ran.stdout.fnmatch_lines(["*optional, and it does not hold: far*"])


def test_k_selects_a_probe_and_asks_no_other(project) -> None:
    write(project, HOLDS, {"name": "written", "kind": "external_perplexity", "required": False})
    run(project, "-k", "changed").assert_outcomes(passed=1, deselected=2)
    assert "RollingLogprob" not in (project.path / "asked").read_text()
    run(project, "test_it.py::test_adapter::changed").assert_outcomes(passed=1)
    run(project, "-k", "__gate__").assert_outcomes(passed=1, deselected=2)
    assert "RollingLogprob" in (project.path / "asked").read_text()


def test_junit_has_a_case_a_probe(project) -> None:
    write(project, HOLDS, FAILS, SKIPS)
    run(project, "--junitxml=out.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(project.path / "out.xml").iter("testcase")}
    assert list(cases) == ["changed", "far", "text", "__gate__"]
    assert {case.get("classname") for case in cases.values()} == {"test_it.test_adapter"}
    assert [tag for name in cases for tag in [c.tag for c in cases[name]] if tag != "properties"] == [
        "failure",
        "skipped",
        "failure",
    ]
    assert "needs &gt;= 0.69" in (project.path / "out.xml").read_text()


def test_two_workers_share_one_run(project) -> None:
    write(project, HOLDS, FAILS, WARNS, SKIPS)
    ran = project.runpytest_subprocess("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-n", "2", "-v")
    ran.assert_outcomes(passed=2, failed=2, skipped=1, warnings=1)
    workers = {line.split()[0] for line in ran.outlines if line.startswith("[gw")}
    assert workers == {"[gw0]", "[gw1]"}
    assert lines(project, "loads") == 1


def test_a_fault_of_the_backend_is_told_by_every_item_and_not_tried_again(project) -> None:
    write(project, HOLDS, FAILS)
    project.makepyfile(counting=COUNTING.replace("return super()._answer(request)", "raise RuntimeError('no memory')"))
    ran = run(project)
    ran.assert_outcomes(failed=3)
    assert ran.stdout.str().count("unexpected RuntimeError: no memory") >= 3
    assert lines(project, "loads") == 1


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("spek='sway.yaml'", "missing a required argument: 'spec'*"),
        ("'sway.yaml', treshold=1", "got an unexpected keyword argument 'treshold'*"),
        ("spec=3", "spec is 3, which is no path*"),
        ("spec='sway.yaml', threshold='high'", "threshold is 'high', which is no number from 0 to 1"),
        ("spec='sway.yaml', threshold=float('nan')", "threshold is nan*"),
        ("spec='sway.yaml', weights=[1]", "weights is [[]1]*"),
        ("spec='none.yaml'", "*none.yaml: no such spec file*"),
        ("spec='broken.yaml'", "*broken.yaml:1:11: not valid YAML*"),
        ("spec='sway.yaml', weights={'adherense': 1.0}", "weights: unknown category 'adherense'*"),
    ],
)
def test_a_marker_that_cannot_be_is_one_failing_item(project, marker: str, said: str) -> None:
    write(project, HOLDS)
    (project.path / "broken.yaml").write_text("version: [")
    project.makepyfile(test_it=f"import pytest\n@pytest.mark.sway({marker})\ndef test_adapter():\n    pass\n")
    ran = run(project, "-v", "-k", "__gate__")
    assert ran.parseoutcomes()["failed"] == 1
    ran.stdout.fnmatch_lines(["test_it.py::test_adapter::__gate__ FAILED*", said])
    assert "Traceback" not in ran.stdout.str()


def test_a_test_that_wants_arguments_is_told_that_nothing_supplies_them(project) -> None:
    write(project, HOLDS)
    text = "import pytest\n@pytest.mark.sway(spec='sway.yaml')\ndef test_adapter(tmp_path):\n    pass\n"
    project.makepyfile(test_it=text)
    ran = run(project)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["a test marked sway takes no arguments, and this one takes tmp_path"])


UNJUDGED = """
import unittest
import pytest

class TestPlain:
    @pytest.mark.sway(spec="missing.yaml")
    @staticmethod
    def test_static():
        pass

    @pytest.mark.sway(spec="missing.yaml")
    @classmethod
    def test_class(cls):
        pass

class TestMethod(unittest.TestCase):
    @pytest.mark.sway(spec="missing.yaml")
    def test_case(self):
        pass

@pytest.mark.sway(spec="missing.yaml")
class TestWhole(unittest.TestCase):
    def test_case(self):
        pass

    @pytest.mark.skip(reason="no GPU")
    def test_skipped(self):
        pass

class TestOther(unittest.TestCase):
    def test_case(self):
        pass
"""


def test_a_marked_test_that_no_suite_stands_for_fails(project) -> None:
    project.makepyfile(test_it=UNJUDGED)
    ran = run(project, "-v")
    ran.assert_outcomes(passed=1, failed=4, skipped=1)
    for name in ("TestPlain::test_static", "TestPlain::test_class", "TestMethod::test_case", "TestWhole::test_case"):
        ran.stdout.fnmatch_lines([f"test_it.py::{name} FAILED*"])
    ran.stdout.fnmatch_lines(["nothing was judged: the sway marker counts for plain test functions*"])
    assert "Traceback" not in ran.stdout.str()
    run(project, "-k", "TestMethod").assert_outcomes(failed=1, deselected=5)


def test_a_test_that_uses_fixtures_is_told_that_none_is_set_up(project) -> None:
    write(project, HOLDS)
    text = "import pytest\n@pytest.fixture\ndef train(): print('trained')\n@pytest.mark.usefixtures('train')\n"
    project.makepyfile(test_it=text + MARKED.format("")[14:])
    ran = run(project)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["a test marked sway sets up no fixtures, and this one uses train"])


def test_a_marker_on_a_class_or_module_counts(project) -> None:
    write(project, HOLDS)
    text = (
        "import pytest\n@pytest.mark.sway(spec='sway.yaml')\nclass TestIt:\n    def test_adapter(self):\n        pass\n"
    )
    project.makepyfile(test_it=text)
    run(project, "-k", "TestIt").assert_outcomes(passed=2)


def test_marks_for_skipping_hold(project) -> None:
    write(project, FAILS)
    project.makepyfile(test_it="import pytest\n@pytest.mark.skip(reason='no GPU')\n" + MARKED.format("")[14:])
    run(project).assert_outcomes(skipped=2)
    assert lines(project, "loads") == 0


def test_weights_that_are_not_finite_fail_every_item(project) -> None:
    write(project, HOLDS)
    extra = "    def preflight(self):\n        from sway.core.errors import PreflightError\n"
    project.makepyfile(counting=COUNTING + extra + "        raise PreflightError('NaN in q_proj')\n")
    ran = project.runpytest_subprocess("-p", "no:cacheprovider")
    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(["changed was not measured: NaN in q_proj"])


def test_the_plugin_costs_a_project_without_marks_nothing() -> None:
    loaded = loaded_by("import sway.pytest_plugin", Path("/"))
    assert not loaded & {"torch", "transformers", "numpy", "scipy", "pydantic", "yaml", "rich", "filelock"}
