"""What the runner and the action say, read once from the environment and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sway.core.errors import SwayError
from sway.engine.gate import FailOn

EVENTS = (
    "pull_request",
    "pull_request_target",
    "push",
    "merge_group",
    "workflow_dispatch",
    "workflow_run",
    "schedule",
    "release",
    "repository_dispatch",
)
"""The events that post knows the commit of."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Wanted:
    """What the action's inputs ask for.

    `key` tells legs of a matrix apart, `spec` is the spec's path as the workflow gives it (None where nobody asked
    for one), and `report_path` is where the reports are outside of a container.
    """

    fail_on: FailOn = FailOn.FAIL
    fail_on_regression: bool = False
    comment: bool = True
    check: bool = False
    unsafe: bool = False
    key: str = ""
    spec: str | None = None
    report_path: str = ""


@dataclass(frozen=True)
class Settings:
    """Where this runs, and as what. Outside of GitHub all of it is empty."""

    repository: str = ""
    sha: str = ""
    run_id: int = 0
    attempt: int = 1
    event: str = ""
    event_path: Path | None = None
    base_ref: str = ""
    ref_name: str = ""
    api: str = "https://api.github.com"
    graphql: str = "https://api.github.com/graphql"
    server: str = "https://github.com"
    output: Path | None = None
    summary: Path | None = None
    token: str = field(default="", repr=False)
    wanted: Wanted = field(default_factory=Wanted)

    @property
    def run_url(self) -> str:
        """The page of this run; empty outside of GitHub."""
        known = self.repository and self.run_id
        return f"{self.server}/{self.repository}/actions/runs/{self.run_id}" if known else ""


def read_settings(env: Mapping[str, str]) -> Settings:
    """The settings in an environment.

    Raises:
        SwayError: a value is none that GitHub, or the action, gives.
    """
    api = _url(env, "GITHUB_API_URL", "https://api.github.com")
    graphql = _url(env, "GITHUB_GRAPHQL_URL", "https://api.github.com/graphql" if not env.get("GITHUB_API_URL") else "")
    if graphql and urlsplit(graphql).netloc != urlsplit(api).netloc:
        raise SwayError("is on another host than GITHUB_API_URL", where="GITHUB_GRAPHQL_URL", mend=_MEND)
    return Settings(
        repository=_matched(env, "GITHUB_REPOSITORY", _REPOSITORY),
        sha=_matched(env, "GITHUB_SHA", _SHA),
        run_id=int(_matched(env, "GITHUB_RUN_ID", _NUMBER) or 0),
        attempt=int(_matched(env, "GITHUB_RUN_ATTEMPT", _NUMBER) or 1),
        event=_chosen(env, "GITHUB_EVENT_NAME", EVENTS, ""),
        event_path=_path(env, "GITHUB_EVENT_PATH"),
        base_ref=env.get("GITHUB_BASE_REF", ""),
        ref_name=env.get("GITHUB_REF_NAME", ""),
        api=api,
        graphql=graphql or _beside(api),
        server=_url(env, "GITHUB_SERVER_URL", "https://github.com"),
        output=_path(env, "GITHUB_OUTPUT"),
        summary=_path(env, "GITHUB_STEP_SUMMARY"),
        token=env.get("GITHUB_TOKEN", "").strip(),
        wanted=_wanted(env),
    )


_MEND = "it is set by GitHub's runner; do not set it yourself"


def _wanted(env: Mapping[str, str]) -> Wanted:
    return Wanted(
        fail_on=FailOn(_chosen(env, "SWAY_FAIL_ON", [f.value for f in FailOn], "fail")),
        fail_on_regression=_flag(env, "SWAY_FAIL_ON_REGRESSION", default=False),
        comment=_flag(env, "SWAY_COMMENT", default=True),
        check=_flag(env, "SWAY_CHECK", default=False),
        unsafe=_flag(env, "SWAY_ALLOW_PULL_REQUEST_TARGET", default=False),
        key=env.get("SWAY_KEY", ""),
        spec=env.get("SWAY_SPEC_PATH"),
        report_path=env.get("SWAY_REPORT_PATH", ""),
    )


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    return _chosen(env, name, ("true", "false"), "true" if default else "false") == "true"


def _chosen(env: Mapping[str, str], name: str, known: tuple[str, ...] | list[str], default: str) -> str:
    value = env.get(name, "") or default
    if value and value not in known:
        raise SwayError(f"{value[:80]!r} is not one of {', '.join(known)}", where=name, mend="correct the workflow")
    return value


def _matched(env: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = env.get(name, "")
    if value and not pattern.fullmatch(value):
        raise SwayError(f"{value[:80]!r} does not look like one", where=name, mend=_MEND)
    return value


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]) if env.get(name) else None


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    """An address that a token may be sent to: encrypted, or on this machine."""
    value = (env.get(name, "") or default).rstrip("/")
    sound = re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", value)
    parts = urlsplit(value if sound else "")
    if value and not (parts.scheme == "https" or parts.hostname in _LOCAL):
        raise SwayError(f"{value[:80]!r} is not an https address", where=name, mend=_MEND)
    return value


def _beside(api: str) -> str:
    """Where GraphQL is answered, from where REST is: `/api/graphql` beside `/api/v3`, else `/graphql`."""
    return api.removesuffix("/v3") + "/graphql"
