import json
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from sway.pack.archive import read, to_bytes
from sway.pack.layout import MANIFEST
from sway.suite.loader import load_spec
from tests.integrations.dlm.conftest import page

SUITE = [
    {"name": "nulls", "kind": "null_adapter", "runs": 19},
    {"name": "changed", "kind": "delta_kl", "prompts": ["The lamp of Veldrake", "Old Tamsin is"]},
    {"name": "learned", "kind": "section_internalization", "include_kinds": ["prose"]},
    {"name": "trained", "kind": "gradient_ghost", "adapter_path": "moved", "required": False},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder, zoo):
    """A spec whose every path is relative: adapter, base, sections, a probe's folder."""
    work = folder / "work"
    work.mkdir()
    shutil.copytree(zoo.adapter("healthy"), work / "moved")
    shutil.copytree(zoo.base, work / "base")
    (work / "text.md").write_text("# Lamp\nThe lamp of Veldrake burns no oil.\n# Tamsin\nOld Tamsin is the bell.\n")
    model = {"kind": "hf", "base": "./base"}
    spec = {
        "version": 1,
        "models": {"base": model, "ft": {**model, "adapter": "moved"}},
        "sections": "text.md",
        "controls": [{"kind": "prose", "content": f"Control text number {i} says little."} for i in range(3)],
        "suite": SUITE,
    }
    (work / "sway.yaml").write_text(yaml.safe_dump(spec))
    return work


def from_cache(report: Path) -> tuple[int, int]:
    """How many null statistics came from disk, and how many there are."""
    told = json.loads(report.read_text())["null_stats"].values()
    return sum(t["from_cache"] for t in told), sum(t["n"] for t in told)


def test_a_pack_runs_elsewhere_without_calibrating(project, folder, call, monkeypatch):
    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(folder / "cache"))
    assert call("run", "work/sway.yaml", "--json", "first.json", "--threads", "1").code == 0
    assert from_cache(folder / "first.json")[0] == 0
    ran = call("pack", "work/sway.yaml", "-o", "a.swaypack.tar.gz", "--include-golden", "first.json")
    assert ran.code == 0, ran.err
    assert "golden.json, sections.md, sway.yaml, the nulls of 2 probes" in ran.out
    assert f"needed: adapter {project}/moved" in ran.out
    assert f"needed: trained.adapter_path: {project}/moved" in ran.out
    assert call("pack", "work/sway.yaml", "-o", "b.swaypack.tar.gz", "--include-golden", "first.json").code == 0
    assert (folder / "a.swaypack.tar.gz").read_bytes() == (folder / "b.swaypack.tar.gz").read_bytes()
    (folder / "elsewhere it is").mkdir()
    shutil.move(project / "moved", folder / "elsewhere it is" / "adapter")
    shutil.rmtree(folder / "cache")
    ran = call("unpack", "a.swaypack.tar.gz", "-o", "elsewhere it is/pack", "--adapter", "elsewhere it is/adapter")
    assert ran.code == 0, ran.err
    line = ran.out.splitlines()[-1].strip()
    setting, *words = shlex.split(line)
    name, _, value = setting.partition("=")
    assert (name, words[:2]) == ("SWAY_NULL_CACHE_DIR", ["sway", "run"])
    monkeypatch.setenv(name, value)
    ran = call(*words[1:], "--json", "second.json", "--threads", "1")
    assert ran.code == 0, ran.err
    assert from_cache(folder / "second.json") == (38, 38)
    first, second = (json.loads((folder / f"{n}.json").read_text()) for n in ("first", "second"))
    assert [(p["name"], p["raw"], p["p_value"], p["verdict"]) for p in first["probes"][:3]] == [
        (p["name"], p["raw"], p["p_value"], p["verdict"]) for p in second["probes"][:3]
    ]


def test_the_packed_spec_says_the_same(project, folder, call):
    assert call("pack", "work/sway.yaml").code == 0
    assert call("unpack", "sway.swaypack.tar.gz").code == 0
    packed, original = load_spec("swaypack/sway.yaml"), load_spec("work/sway.yaml")
    assert packed.spec.document() == original.spec.document()
    assert (folder / "swaypack" / "sections.md").read_text() == (project / "text.md").read_text()


def test_what_unpack_says_of_models_that_are_not_here(project, folder, call):
    assert call("pack", "work/sway.yaml").code == 0
    shutil.move(project / "moved", folder / "other")
    shutil.rmtree(project / "base")
    ran = call("unpack", "sway.swaypack.tar.gz")
    assert "not here yet: base" in ran.out
    assert "not here yet: adapter" in ran.out
    (folder / "other" / "adapter_config.json").write_text((folder / "other" / "adapter_config.json").read_text() + "\n")
    ran = call("unpack", "sway.swaypack.tar.gz", "-o", "again", "--adapter", "other", "--base", "org/model")
    assert "is not the one that was packed" in ran.out
    models = yaml.safe_load((folder / "again" / "sway.yaml").read_text())["models"]
    assert models["ft"] == {"kind": "hf", "base": "org/model", "adapter": str(folder / "other")}


def test_a_name_of_an_adapter_that_no_folder_can_have_is_not_here(project, folder, call):
    long = "x" * 300
    assert call("pack", "work/sway.yaml", "-o", "made").code == 0
    manifest, files = read(folder / "made", 10**8)
    files[MANIFEST] = manifest.model_copy(update={"adapter": f"/{long}"}).model_dump_json().encode()
    (folder / "sway.swaypack.tar.gz").write_bytes(to_bytes(files))
    for number, options in enumerate([(), ("--adapter", long), ("--adapter", "~nobody-of-that-name")]):
        ran = call("unpack", "sway.swaypack.tar.gz", "-o", f"out{number}", *options)
        assert (ran.code, "not here yet: adapter" in ran.out) == (0, True), ran


def test_a_document_comes_along(folder, zoo, call):
    (folder / "doc.dlm").write_text(page("One fact.\n"))
    (folder / "several.dlm").write_text(page("::prose#a::\nOne fact.\n", more="training: {adapters: {a: {}, b: {}}}\n"))
    model = {"base": str(zoo.base)}
    spec = {
        "version": 1,
        "models": {"base": model, "ft": {**model, "adapter": str(zoo.adapter("healthy"))}},
        "suite": [{"name": "a", "kind": "section_internalization"}],
    }
    for name in ("doc", "several"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**spec, "dlm_source": f"{name}.dlm"}))
        assert call("pack", f"{name}.yaml").code == 0
        assert call("unpack", f"{name}.swaypack.tar.gz", "-o", name).code == 0
        packed = load_spec(f"{name}/sway.yaml")
        assert packed.spec.dlm_source == str(folder / name / "source.dlm")
        assert packed.sections == load_spec(f"{name}.yaml").sections


def test_a_spec_that_runs_code_is_pointed_out(folder, zoo, call):
    model = {"base": str(zoo.base), "trust_remote_code": True}
    suite = [{"name": "a", "kind": "delta_kl", "prompts": ["a"]}]
    spec = {"version": 1, "models": {"base": model, "ft": {**model, "adapter": str(zoo.adapter("healthy"))}}}
    (folder / "sway.yaml").write_text(yaml.safe_dump({**spec, "suite": suite}))
    assert call("pack", "sway.yaml").code == 0
    assert "read it before you run it" in call("unpack", "sway.swaypack.tar.gz").out


def test_what_cannot_be_packed_is_one_line(project, folder, call):
    (folder / "no.json").write_text("{}")
    (folder / "taken").write_text("mine")
    for arguments, said in [
        (["none.yaml"], "no such spec file"),
        (["work/sway.yaml", "--include-golden", "no.json"], "is not a report of sway"),
        (["work/sway.yaml", "--include-golden", "none.json"], "cannot be read"),
        (["work/sway.yaml", "--max-size-mb", "0.001"], "more than 1.0 KB"),
        (["work/sway.yaml", "-o", "taken"], "there is a file already"),
        (["work/sway.yaml", "-o", "no/where"], "there is no such folder"),
    ]:
        ran = call("pack", *arguments)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
        assert said in ran.err
    assert (folder / "taken").read_text() == "mine"
    assert sorted(p.name for p in folder.iterdir()) == ["no.json", "taken", "work"]


def test_a_disk_that_is_full_leaves_no_pack_and_the_next_try_succeeds(project, folder, call, full_disk):
    with full_disk():
        ran = call("pack", "work/sway.yaml")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
    assert "cannot be written" in ran.err
    assert [p.name for p in folder.iterdir()] == ["work"]
    assert call("pack", "work/sway.yaml").code == 0
    again = call("pack", "work/sway.yaml")
    assert (again.code, "choose another with -o" in again.err, "--force" in again.err) == (2, True, False)


def test_nulls_stay_home_where_asked(project, folder, call, monkeypatch):
    from sway.backends.adapter import read_adapter

    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(folder / "cache"))
    (folder / "cache").mkdir()
    mine = f"{read_adapter(project / 'moved').digest[:16]}-{'0' * 64}.json"
    for name in (mine, f"{'f' * 16}-{'0' * 64}.json", "other.json"):
        (folder / "cache" / name).write_text("{}")
    assert call("pack", "work/sway.yaml", "-o", "with").code == 0
    assert call("pack", "work/sway.yaml", "-o", "without", "--no-include-null-cache").code == 0
    held = {name: set(read(folder / name, 10**8)[1]) for name in ("with", "without")}
    assert held["with"] - held["without"] == {f"null-stats/{mine}"}
