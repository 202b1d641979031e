"""What set the workflow off: the pull request and the commit that are being judged, and who made the report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sway.core.errors import SwayError
from sway.github.settings import Settings
from sway.suite.files import read_text

LARGEST = 32 << 20
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")]
Id = Annotated[int, Field(gt=0, strict=True)]
Name = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Owner(_Part):
    login: Name


class _Repository(_Part):
    id: Id
    full_name: Name
    owner: _Owner
    default_branch: Name = ""


class _Side(_Part):
    sha: Sha
    ref: Name
    repo: _Repository | None = None


class _Pull(_Part):
    number: Id
    head: _Side
    base: _Side


class _Run(_Part):
    id: Id
    run_attempt: Id = 1
    event: Name
    status: Name
    conclusion: Name | None = None
    head_branch: Name | None = None
    head_sha: Sha
    head_repository: _Repository | None = None


class _Group(_Part):
    head_sha: Sha
    base_ref: Name


class _Any(_Part):
    repository: _Repository | None = None


class _Homed(_Any):
    repository: _Repository


class _PullEvent(_Homed):
    pull_request: _Pull


class _RunEvent(_Homed):
    workflow_run: _Run


class _GroupEvent(_Homed):
    merge_group: _Group


Event = TypeVar("Event", bound=_Any)


@dataclass(frozen=True)
class Head:
    """The branch that a finished run was made for, by which its pull request is found."""

    owner: str
    branch: str
    sha: str
    repository: int


@dataclass(frozen=True)
class Occasion:
    """What is being judged.

    `pull` is the pull request's number where the event names it, `head` where it must be looked up. `base` is the
    branch that it is to be merged into. `foreign`: the report was made by a job that the pull request controls, in
    another run than this. `failed` is how that run ended, where not in success. `run` orders comments in time.
    """

    pull: int | None = None
    head: Head | None = None
    sha: str = ""
    base: str = ""
    default_branch: str = ""
    repository: int = 0
    foreign: bool = False
    failed: str = ""
    run: tuple[int, int] = (0, 1)


def read_occasion(settings: Settings) -> Occasion:
    """What the event's payload says.

    Raises:
        SwayError: the event is one that nothing may be posted for, or its payload is not of its kind.
    """
    if settings.event == "pull_request_target" and not settings.wanted.unsafe:
        raise SwayError(
            "runs what a stranger wrote with this repository's secrets",
            where="pull_request_target",
            mend="use pull_request, and workflow_run for the comment",
        )
    run = (settings.run_id, settings.attempt)
    if settings.event in ("pull_request", "pull_request_target"):
        return _of_pull(_read(settings, _PullEvent), run)
    if settings.event == "workflow_run":
        return _of_run(_read(settings, _RunEvent), settings)
    if settings.event == "merge_group":
        found = _read(settings, _GroupEvent)
        base = found.merge_group.base_ref.removeprefix("refs/heads/")
        return _home(found, Occasion(sha=found.merge_group.head_sha, base=base, run=run))
    if not settings.event:
        return Occasion(sha=settings.sha, run=run)
    told = _home(_read(settings, _Any), Occasion(sha=settings.sha, run=run))
    return replace(told, base=told.default_branch or settings.ref_name)


def _of_pull(found: _PullEvent, run: tuple[int, int]) -> Occasion:
    pull = found.pull_request
    return _home(found, Occasion(pull.number, sha=pull.head.sha, base=pull.base.ref, run=run))


def _of_run(found: _RunEvent, settings: Settings) -> Occasion:
    """A run that has ended. Its own list of pull requests is empty for forks, and is not used."""
    run = found.workflow_run
    if run.status != "completed":
        raise SwayError("the run has not ended", where="workflow_run", mend="use: types: [completed]")
    if found.repository.full_name.lower() != settings.repository.lower():
        raise SwayError("the event is of another repository", where="workflow_run")
    home = run.head_repository
    of_pull = run.event in ("pull_request", "pull_request_target")
    head = None
    if of_pull and home is not None and run.head_branch:
        head = Head(home.owner.login, run.head_branch, run.head_sha, home.id)
    failed = "" if run.conclusion == "success" else run.conclusion or "unknown"
    at, base = (run.id, run.run_attempt), "" if of_pull else run.head_branch or ""
    told = Occasion(head=head, sha=run.head_sha, base=base, foreign=of_pull, failed=failed, run=at)
    return _home(found, told)


def _home(found: _Any, told: Occasion) -> Occasion:
    if found.repository is None:
        return told
    return replace(told, repository=found.repository.id, default_branch=found.repository.default_branch)


def _read(settings: Settings, kind: type[Event]) -> Event:
    where = "GITHUB_EVENT_PATH"
    if settings.event_path is None:
        raise SwayError("is not set", where=where, mend="run this in a GitHub workflow")
    text = read_text(settings.event_path, shown=where, limit=LARGEST, role="payload")
    try:
        return kind.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        what = f"is no payload of {settings.event}: {place}: {first['msg']}"
        raise SwayError(what, where=where, mend="it is written by GitHub's runner") from None
