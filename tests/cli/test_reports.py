import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sway.report.formats import FORMATS
from tests.report.cases import CASES

SPEC = """\
version: 1
models:
  base: {base: org/model}
  ft: {base: org/model, adapter: ADAPTER}
suite:
  - {name: ghost, kind: gradient_ghost, required: false}

  - name: loss curve
    kind: training_drift
"""
OPTIONS = {"json": "--json", "markdown": "--markdown", "html": "--html", "junit": "--junit", "sarif": "--sarif"}


@pytest.fixture
def spec(adapter: Path, monkeypatch) -> Path:
    """A suite that reads files alone: a training log in which the loss jumps."""
    losses = [5 - 0.05 * i + (3 if i in (20, 21) else 0) for i in range(60)]
    log = {"log_history": [{"step": i + 1, "loss": loss} for i, loss in enumerate(losses)]}
    (adapter / "trainer_state.json").write_text(json.dumps(log))
    path = adapter.parent / "my suite.yaml"
    path.write_text(SPEC.replace("ADAPTER", str(adapter)))
    monkeypatch.chdir(adapter.parent)
    return path


@pytest.mark.parametrize("command", ["run", "gate"])
def test_every_format_is_written_beside_what_is_printed(call, spec, command):
    files = {form: f"out.{form}" for form in OPTIONS}
    ran = call(command, spec.name, *(f"{OPTIONS[form]}={path}" for form, path in files.items()))
    assert ran.code == 0
    assert "loss curve" in ran.out
    for form, path in files.items():
        assert call("report", files["json"], "--format", form).out == Path(path).read_text()
    assert call("report", files["json"]).out == ran.out
    assert call("report", files["json"], "--format", "md").out == Path(files["markdown"]).read_text()


def test_a_gate_that_a_warning_closes_says_so_everywhere(call, spec):
    files = {form: f"out.{form}" for form in OPTIONS}
    ran = call("gate", spec.name, "--fail-on", "warn", *(f"{OPTIONS[form]}={path}" for form, path in files.items()))
    assert ran.code == 1
    assert "and that closes the gate." in ran.out
    assert "The gate is closed: loss curve warned" in ran.out
    assert "The gate is closed: loss curve warned" in call("explain", files["json"]).out
    assert ET.parse(files["junit"]).getroot().get("failures") == "1"
    assert "The gate is closed: loss curve warned" in Path(files["sarif"]).read_text()
    assert "closed: <code>loss curve warned</code>" in Path(files["markdown"]).read_text()
    assert "closed: <bdi>loss curve warned</bdi>" in Path(files["html"]).read_text()


def test_sarif_points_at_the_probe_in_the_spec(call, spec):
    assert call("gate", spec.name, "--sarif", "out.sarif").code == 0
    (found,) = json.loads(Path("out.sarif").read_text())["runs"][0]["results"]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20suite.yaml"
    assert place["region"] == {"startLine": 8}
    assert spec.read_text().splitlines()[7] == "  - name: loss curve"
    assert (found["ruleId"], found["level"]) == ("training_drift", "warning")


def test_bare_junit_has_a_name_of_its_own(call, spec):
    assert call("gate", spec.name, "--junit").code == 0
    cases = ET.parse("sway-junit.xml").findall("./testsuite/testcase")
    assert [(c.get("name"), c.get("classname")) for c in cases] == [
        ("ghost", "gradient_ghost"),
        ("loss curve", "training_drift"),
        ("__gate__", "__gate__"),
    ]


def test_a_spec_after_bare_junit_is_not_taken_for_its_path(call, spec):
    before = spec.read_bytes()
    code, out, err = call("gate", "--junit", spec.name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--junit=PATH" in err
    assert spec.read_bytes() == before


@pytest.mark.parametrize("option", [*OPTIONS.values(), "--plots"])
@pytest.mark.parametrize("target", ["nowhere/x/y.out", "my suite.yaml"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(call, spec, option, target):
    if option == "--plots" and target == "nowhere/x/y.out":
        target = "my suite.yaml/plots"
    if option == "--junit" and target == "my suite.yaml":
        target = "."
    before = spec.read_bytes()
    code, out, err = call("run", spec.name, f"{option}={target}")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert spec.read_bytes() == before


TEXTS = {"sections": "own.md", "controls": "controls.yaml", "dlm_source": "document.dlm"}
INPUTS = ["my suite.yaml", "main.json", *TEXTS.values()]


@pytest.fixture
def named(call, spec) -> Path:
    """The suite with every file that a spec can name, and its report as a baseline."""
    Path("own.md").write_text("# Own\n\nText that was trained on.\n")
    Path("controls.yaml").write_text("- {kind: prose, content: other text}\n")
    Path("document.dlm").write_text(f"---\ndlm_id: {'0' * 26}\nbase_model: org/model\n---\n# Text\n")
    spec.write_text(spec.read_text() + "".join(f"{key}: {name}\n" for key, name in TEXTS.items()))
    assert call("gate", spec.name, "--json", "main.json").code == 0
    return spec


@pytest.mark.parametrize("command", ["run", "gate"])
@pytest.mark.parametrize("option", [*OPTIONS.values(), "--trace"])
@pytest.mark.parametrize("target", INPUTS)
def test_no_report_replaces_what_it_is_made_from(call, named, command, option, target):
    before = {name: Path(name).read_bytes() for name in INPUTS}
    link = Path("link.out")
    link.symlink_to(target)
    code, out, err = call(command, named.name, "--baseline", "main.json", f"{option}={link}")
    assert (code, out) == (2, "")
    assert err == "error: link.out: it would replace what it is made from (choose another path)\n"
    assert {name: Path(name).read_bytes() for name in INPUTS} == before


def test_no_report_of_several_specs_replaces_a_baseline_or_another_spec(call, named):
    other = Path("other.yaml")
    other.write_text(named.read_text())
    Path("reports").mkdir()
    assert call("gate", named.name, other, "--json", "reports").code == 0
    before = {path: path.read_bytes() for path in (*Path("reports").iterdir(), other)}
    for words in (("--json", "reports", "--baseline", "reports"), ("--html", "{name}.yaml")):
        code, out, err = call("gate", named.name, other, *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "would replace what it is made from" in err
    assert {path: path.read_bytes() for path in before} == before


def test_two_reports_never_go_to_one_file(call, spec):
    code, _, err = call("run", spec.name, "--json", "out", "--html", "./out")
    assert (code, err.count("\n")) == (2, 1)
    assert not Path("out").exists()
    assert call("run", spec.name, "--json", "/dev/null", "--html", "/dev/null").code == 0


def test_plots_need_their_extra_and_say_so_before_the_work(call, spec, monkeypatch):
    monkeypatch.setattr("sway.core.errors.find_spec", lambda name: None)
    code, out, err = call("run", spec.name, "--plots", "plots")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert 'pip install ".[viz]"' in err
    assert not Path("plots").exists()


def test_plots_are_written_into_a_folder(call, spec):
    pytest.importorskip("matplotlib", reason="needs the viz extra")
    assert call("run", spec.name, "--plots", "new/plots").code == 0
    assert [p.name for p in Path("new/plots").iterdir()] == ["02-training_drift-1.png"]


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(FORMATS["json"](CASES["fail"]), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", [f for f in FORMATS if f != "terminal"])
def test_a_saved_report_is_written_again_in_any_format(call, saved, form):
    target = saved.parent / "again"
    ran = call("report", saved, "--format", form, "-o", target)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert target.read_text(encoding="utf-8") == FORMATS[form](CASES["fail"])


@pytest.mark.parametrize("arguments", [("report",), ("explain",), ("report", "--format", "html")])
@pytest.mark.parametrize("text", ["", "{", '{"schema_version": 3}', "not json \x1b[2J ::error::x"])
def test_what_is_no_report_is_one_line(call, tmp_path, arguments, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    code, out, err = call(arguments[0], path, *arguments[1:])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "\x1b" not in err
    assert "::" not in err


def test_a_report_does_not_replace_itself(call, saved):
    before = saved.read_bytes()
    code, _, err = call("report", saved, "--format", "html", "-o", saved)
    assert (code, err.count("\n")) == (2, 1)
    assert saved.read_bytes() == before


def test_a_report_is_explained(call, saved):
    code, out, err = call("explain", saved)
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    assert "most shifted prompts" in told
    assert "\u201cThe keeper | is\u201d divergence 0.15: lost none; gained ' old'" in told
    assert told.index("The keeper | is") < told.index("The lamp burns\u201d divergence 0.05")
    assert "base burns out now tuned burns oil now" in told
    assert "Random adapters of the same size do as much" in told
    assert "-> It recites its text" in told
    assert "halve r" in told
    assert told.index("x fail learned") < told.index("+ pass changed")


@pytest.mark.parametrize("name", ["nowhere.json", "no/where"])
def test_a_report_that_is_not_there_is_no_probe_either(call, name):
    code, out, err = call("explain", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no such report file" in err


def test_help_loads_no_renderer(sway):
    code = (
        "import sys\nfrom sway.cli.exits import handled\nfrom sway.cli.main import cli\n"
        "handled(lambda: cli.main(['--help'], prog_name='sway', standalone_mode=False))\n"
        "assert not {'jinja2', 'rich', 'pydantic', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    )
    done = sway(code=code)
    assert done.returncode == 0, done.stderr
