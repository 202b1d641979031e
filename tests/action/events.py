"""Events as GitHub tells them, cut to what an action may look at."""

from __future__ import annotations

from typing import Any

BASE, HEAD, MERGE = "b" * 40, "a" * 40, "c" * 40
OURS, THEIRS = "acme/models", "stranger/models"


def _repository(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    number = 1 if name == OURS else 2
    return {
        "id": number,
        "name": short,
        "full_name": name,
        "private": False,
        "owner": {"login": owner, "id": 100 + number, "type": "User"},
        "fork": name != OURS,
        "default_branch": "main",
    }


def pull_request(head: str = OURS, branch: str = "better-adapter", base: str = BASE) -> dict[str, Any]:
    return {
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "title": branch,
            "state": "open",
            "head": {"ref": branch, "sha": HEAD, "repo": _repository(head)},
            "base": {"ref": "main", "sha": base, "repo": _repository(OURS)},
        },
        "repository": _repository(OURS),
        "sender": {"login": head.partition("/")[0], "type": "User"},
    }


def push() -> dict[str, Any]:
    repository = _repository(OURS)
    return {"ref": "refs/heads/main", "before": BASE, "after": HEAD, "forced": False, "repository": repository}


def merge_group(base: str = BASE) -> dict[str, Any]:
    group = {"head_sha": MERGE, "head_ref": f"refs/heads/gh-readonly-queue/main/pr-7-{base}", "base_sha": base,
             "base_ref": "refs/heads/main"}  # fmt: skip
    return {"action": "checks_requested", "merge_group": group, "repository": _repository(OURS)}


def workflow_dispatch() -> dict[str, Any]:
    return {"inputs": None, "ref": "refs/heads/main", "workflow": "gate.yml", "repository": _repository(OURS)}


def workflow_run(head: str = THEIRS) -> dict[str, Any]:
    minimal = _repository(head)
    del minimal["default_branch"]
    run = {
        "id": 42,
        "run_attempt": 1,
        "name": "gate",
        "event": "pull_request",
        "status": "completed",
        "conclusion": "failure",
        "head_branch": "better-adapter",
        "head_sha": HEAD,
        "head_repository": minimal,
        "pull_requests": [],
    }
    return {"action": "completed", "workflow_run": run, "repository": _repository(OURS)}


EVENTS = {
    "pull_request": pull_request,
    "push": push,
    "merge_group": merge_group,
    "workflow_dispatch": workflow_dispatch,
    "schedule": lambda: {"schedule": "0 4 * * *", "repository": _repository(OURS)},
}
