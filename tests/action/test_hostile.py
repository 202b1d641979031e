"""What a pull request controls: names, branches, keys, files, links, what is printed. None of it is obeyed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.action import events

NASTY = ["a b", "-rf", "--help", "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a'b\"c", "a,b", "ü", "a\\b",
         "[x]", "::error::x", "##[error]x", "%0A::error::y", "a:b", "{name}", "~", "a=b"]  # fmt: skip


def harmless(job, ran) -> None:
    assert not list(job.workspace.parent.rglob("pwned"))
    assert {kind for kind, _ in ran.commands} <= {"error", "warning", "notice"}


@pytest.mark.parametrize("name", NASTY)
def test_a_specs_name_is_only_a_name(job, name):
    (job.workspace / name).mkdir()
    (job.workspace / name / "sway.yaml").write_text("version: 1\n")
    ran = job.run(spec_path=f"{name}/sway.yaml", key=name)
    assert ran.code == 0, ran.printed
    assert job.call("gate")["argv"][-2:] == ["--", f"{name}/sway.yaml"]
    assert job.call("post")["environment"]["SWAY_KEY"] == name
    harmless(job, ran)


def test_a_line_end_in_a_name_is_found_by_a_pattern(job):
    (job.workspace / "a\n::error::b").mkdir()
    (job.workspace / "a\n::error::b" / "sway.yaml").write_text("version: 1\n")
    ran = job.run(spec_path="a*/sway.yaml")
    assert job.call("gate")["argv"][-1] == "a\n::error::b/sway.yaml"
    assert ran.code == 0
    harmless(job, ran)


def test_a_pattern_may_have_spaces_and_is_not_evaluated(job):
    for name in ("a b", "a c", "$(touch pwned)"):
        (job.workspace / name).mkdir()
        (job.workspace / name / "sway.yaml").write_text("version: 1\n")
    job.wanted["gate"]["files"] = {"a.json": "{}", "b.json": "{}"}
    ran = job.run(spec_path="a [bc]/sway.yaml")
    assert ran.code == 0, ran.printed
    assert job.call("gate")["argv"][-3:] == ["--", "a b/sway.yaml", "a c/sway.yaml"]
    ran = job.run(spec_path="$(touch*/*.yaml\n~/*.yaml")
    assert ran.code == 2
    harmless(job, ran)


@pytest.mark.parametrize("name", [n for n in NASTY if "/" not in n])
def test_what_is_refused_is_quoted_without_being_obeyed(job, name):
    ran = job.run(spec_path=f"missing {name}", fail_on="fail")
    assert ran.code == 2
    ((_, told),) = ran.commands
    assert name.replace("%", "%25") in told  # the runner turns %0A into a line end
    harmless(job, ran)


@pytest.mark.parametrize("branch", ["x$(touch pwned)", "`touch pwned`", 'x";touch pwned;"', "${{ github.token }}"])
def test_a_branchs_name_is_never_evaluated(job, branch):
    job.event = events.pull_request(head=events.THEIRS, branch=branch)
    job.environment = {"GITHUB_HEAD_REF": branch}
    ran = job.run()
    assert ran.code == 0
    assert job.call("post")["environment"]["GITHUB_HEAD_REF"] == branch
    assert "GITHUB_HEAD_REF" not in job.call("gate")["environment"]
    harmless(job, ran)


@pytest.mark.parametrize("where", ["../outside.yaml", "link.yaml", "folder/outside.yaml", "sub/../../outside.yaml"])
def test_a_spec_outside_of_the_workspace_is_refused(job, where):
    outside = job.workspace.parent / "outside.yaml"
    outside.write_text("version: 1\n")
    (job.workspace / "link.yaml").symlink_to(outside)
    (job.workspace / "folder").symlink_to(outside.parent)
    (job.workspace / "sub").mkdir()
    for asked in (where, str(outside)):
        ran = job.run(spec_path=asked)
        assert ran.code == 2
        assert "workspace" in ran.commands[0][1]
        assert not job.calls("gate")


def test_a_pattern_does_not_lead_out_either(job):
    (job.workspace.parent / "sway.yaml").write_text("version: 1\n")
    (job.workspace / "up").symlink_to("..")
    assert job.run(spec_path="*/sway.yaml").code == 2


@pytest.mark.parametrize("where", ["cache", ".", "link", "..", ""])
def test_a_model_cache_that_a_pull_request_could_fill_is_refused(job, where):
    (job.workspace / "cache").mkdir()
    (job.temp).mkdir(exist_ok=True)
    link = job.workspace.parent / "link"
    link.symlink_to(job.workspace / "cache")
    asked = str(link) if where == "link" else str(job.workspace / where) if where else ""
    if not where:
        (job.temp / "sway-models").symlink_to(job.workspace / "cache")
    ran = job.run(model_cache=asked)
    assert ran.code == 2
    assert "model-cache" in ran.commands[0][1]


def test_gits_folders_are_hidden_at_any_depth(job):
    for place in (".git", "a/.git", "a/b,c/.git", 'a/"d"/.GIT'):
        (job.workspace / place).mkdir(parents=True)
        (job.workspace / place / "config").write_text("extraheader = AUTHORIZATION: basic secret\n")
    (job.workspace / "module").mkdir()
    (job.workspace / "module" / ".git").write_text("gitdir: ../.git/modules/module\n")
    assert job.run().code == 0
    for command in ("gate", "fetch"):
        mounts = job.call(command)["mounts"]
        hidden = {target for target, (source, _) in mounts.items() if source == "tmpfs"}
        assert hidden == {"/src/.git", "/src/a/.git", "/src/a/b,c/.git", '/src/a/"d"/.GIT'}
        assert mounts["/src/module/.git"] == ["/dev/null", True]


@pytest.mark.parametrize(
    "printed",
    ["::set-output name=verdict::pass\n", "##[error]x\n", "x\r::error::x\n", "  ::add-mask::x\n",
     "::stop-commands::x\n", "no line end ::x::", "::error::no line end"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["gate", "fetch"])
def test_nothing_that_is_printed_is_obeyed(job, command, printed):
    job.wanted.setdefault(command, {})["prints"] = printed
    ran = job.run()
    assert ran.commands == []
    assert "::stop-commands::" in ran.printed


def test_what_we_say_ourselves_is_obeyed_again_afterwards(job):
    job.wanted["gate"] = {"exit": 77, "prints": "::stop-commands::x\n::error::theirs"}
    ran = job.run()
    assert ran.commands[0] == ("error", "the gate: it ended with exit code 77")
    assert ("error", "theirs") not in ran.commands


def test_the_word_that_ends_the_silence_is_new_each_time(job):
    words = [line for _ in range(2) for line in job.run().printed.splitlines() if line.startswith("::stop-commands::")]
    assert len(set(words)) == len(words) == 4


def test_links_and_strange_files_are_not_taken_for_reports(job):
    secret = job.workspace.parent / "secret.json"
    secret.write_text('{"token": 1}')
    files = {"x\n::error::y.json": "{}", "a:b.json": "{}"}
    job.wanted["gate"] = {"links": {"sway.json": str(secret), "key": str(secret)}, "files": files}
    ran = job.run()
    assert ran.code == 3
    report = Path(ran.outputs["report-path"])
    assert sorted(path.name for path in report.iterdir()) == ["gate-exit", "key", "spec-path"]
    assert secret.read_text() == '{"token": 1}'


def test_a_report_that_is_too_large_is_not_taken(job):
    job.wanted["gate"]["files"] = {"sway.json": " " * (33554432 + 1)}
    assert job.run().code == 3


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def committed(job, report: str) -> str:
    """The base branch's commit with this report, after which the pull request changed it."""
    git(job.workspace, "init", "--quiet")
    (job.workspace / "main.json").write_text(report)
    (job.workspace / "reports").mkdir()
    (job.workspace / "reports" / "a.json").write_text(report)
    (job.workspace / "reports" / "notes.txt").write_text("x")
    git(job.workspace, "add", "--all")
    git(job.workspace, "commit", "--quiet", "-m", "base")
    (job.workspace / "main.json").write_text('{"mine": 1}')
    (job.workspace / "reports" / "a.json").write_text('{"mine": 1}')
    return git(job.workspace, "rev-parse", "HEAD").strip()


def baseline(job) -> dict[str, str]:
    call = job.call("post")
    folder = Path(call["argv"][call["argv"].index("--baseline") + 1])
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("asked", ["main.json", "reports", "reports/"])
@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_a_baseline_in_the_workspace_is_the_base_branchs(job, event, asked):
    sha = committed(job, '{"base": 1}')
    job.event_name, job.event = event, getattr(events, event)(base=sha)
    ran = job.run(baseline=asked)
    assert ran.code == 0, ran.printed
    assert baseline(job) == {"sway.json": '{"base": 1}'}
    assert job.calls("last-report") == []


@pytest.mark.parametrize("asked", ["new.json", "link.json", "missing.json", "../work space/new.json"])
def test_a_baseline_that_only_the_pull_request_has_is_refused(job, asked):
    job.event = events.pull_request(base=committed(job, "{}"))
    (job.workspace / "new.json").write_text('{"mine": 1}')
    (job.workspace / "link.json").symlink_to("new.json")
    ran = job.run(baseline=asked)
    assert ran.code == 2
    assert "baseline" in ran.commands[-1][1]


def test_several_specs_find_theirs_by_name(job):
    for name in ("a", "b"):
        (job.workspace / f"{name}.yaml").write_text("version: 1\n")
    place = job.workspace.parent / "elsewhere"
    place.mkdir()
    (place / "a.json").write_text('{"a": 1}')
    job.wanted["gate"]["files"] = {"a.json": "{}", "b.json": "{}"}
    assert job.run(spec_path="[ab].yaml", baseline=str(place)).code == 0
    assert baseline(job) == {"a.json": '{"a": 1}'}


def test_without_the_base_branchs_history_a_baseline_in_the_workspace_is_refused(job):
    committed(job, "{}")
    ran = job.run(baseline="main.json")
    assert ran.code == 2
    assert "fetch-depth: 0" in ran.printed


def test_where_no_event_names_the_base_branch_the_workspace_is_no_place_for_a_baseline(job):
    job.event_name, job.event = "workflow_run", events.workflow_run()
    (job.workspace / "mine.json").write_text("{}")
    ran = job.run(baseline="mine.json", unsafe_privileged_event="true")
    assert ran.code == 2
    assert not job.calls("gate")


ELSEWHERE = [
    ("push", "refs/heads/mine"),
    ("push", "refs/tags/v1"),
    ("push", ""),
    ("workflow_dispatch", "refs/heads/mine"),
]
DEFAULT = [("push", "refs/heads/main"), ("workflow_dispatch", "refs/heads/main"), ("schedule", "refs/heads/main")]


@pytest.mark.parametrize(("event", "ref"), ELSEWHERE)
def test_a_branch_does_not_choose_its_own_baseline(job, event, ref):
    job.event_name, job.event, job.environment = event, events.EVENTS[event](), {"GITHUB_REF": ref}
    (job.workspace / "mine.json").write_text("{}")
    outside = job.workspace.parent / "outside.json"
    outside.symlink_to(job.workspace / "mine.json")
    for asked in ("mine.json", str(outside)):
        ran = job.run(baseline=asked)
        assert ran.code == 2
        assert "baseline" in ran.commands[0][1]
        assert not job.calls("gate")
    assert job.run(baseline="none").code == 0


@pytest.mark.parametrize(("event", "ref"), DEFAULT)
def test_the_default_branchs_own_file_is_a_baseline(job, event, ref):
    job.event_name, job.event, job.environment = event, events.EVENTS[event](), {"GITHUB_REF": ref}
    (job.workspace / "main.json").write_text('{"main": 1}')
    assert job.run(baseline="main.json").code == 0
    assert baseline(job) == {"sway.json": '{"main": 1}'}


def test_where_the_default_branch_is_not_told_there_is_none(job):
    job.event_name, job.event, job.environment = "push", {"ref": "refs/heads/"}, {"GITHUB_REF": "refs/heads/"}
    (job.workspace / "mine.json").write_text("{}")
    assert job.run(baseline="mine.json").code == 2


def test_a_link_to_the_pull_requests_report_is_not_outside(job):
    job.event = events.pull_request(base=committed(job, "{}"))
    outside = job.workspace.parent / "outside.json"
    outside.symlink_to(job.workspace / "main.json")
    assert job.run(baseline=str(outside)).code == 2


def test_a_baseline_from_elsewhere_is_taken_as_it_is(job):
    place = job.workspace.parent / "elsewhere"
    place.mkdir()
    (place / "main.json").write_text('{"main": 1}')
    for asked in (place, place / "main.json"):
        assert job.run(baseline=str(asked)).code == 0
        assert baseline(job) == {"sway.json": '{"main": 1}'}


@pytest.mark.parametrize(("strict", "level"), [("true", "warning"), ("false", "notice")])
def test_a_baseline_that_is_not_there_is_seen(job, strict, level):
    job.wanted["last-report"] = {}
    ran = job.run(fail_on_regression=strict)
    assert ran.code == 0
    assert [kind for kind, text in ran.commands if "whether this is worse is not known" in text] == [level]
    assert baseline(job) == {}


def test_a_baseline_that_cannot_be_read_closes_a_gate_that_depends_on_it(job):
    job.wanted["last-report"] = {"exit": 2}
    assert job.run().code == 0
    ran = job.run(fail_on_regression="true")
    assert ran.code == 3
    assert any("actions: read" in text for kind, text in ran.commands if kind == "error")


def test_no_baseline_where_none_is_wanted(job):
    ran = job.run(baseline="none", fail_on_regression="true")
    assert (ran.code, ran.commands, ran.summary) == (0, [], "")
    assert job.calls("last-report") == []
