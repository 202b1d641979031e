"""What goes over the wire: requests, answers, faults, with what the server's own documentation says of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sway.report.json_report import Report

SPEC = {
    "version": 1,
    "models": {"base": {"base": "org/model"}, "ft": {"base": "org/model", "adapter": "adapter"}},
    "suite": [{"name": "changed", "kind": "delta_kl", "prompts": ["The capital of France is"]}],
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    spec: dict[str, Any] = Field(description="A sway.yaml as JSON.", examples=[SPEC])
    spec_path: str | None = Field(
        default=None,
        max_length=4096,
        description="Where the spec is on the server's machine, for its relative paths; it need not exist.",
        examples=["sway.yaml"],
    )
    seed: int | None = Field(default=None, ge=0, lt=2**32, description="In place of defaults.seed.", examples=[0])


class RunRequest(_Request):
    """A suite to run."""


class ScoreRequest(_Request):
    """Some probes of a suite to run."""

    probe_names: list[str] = Field(min_length=1, description="Which probes to ask.", examples=[["changed"]])


class RunReport(Report):
    """The report of `sway run --json`, and how long this request took, waiting and loading included."""

    request_seconds: float = Field(ge=0, description="Seconds from the request to this answer.")


class Model(BaseModel):
    """A model that is loaded, or being loaded."""

    model: str = Field(description="Adapter and base.")
    busy: bool = Field(description="Whether a request has it now.")
    uses: int = Field(description="How many requests have had it.")


class Health(BaseModel):
    """The server answers."""

    status: str = Field(description="ok, or closing.", examples=["ok"])
    version: str = Field(description="The version of sway.")
    loaded_models: int = Field(description="How many models are loaded.")
    models: list[Model] | None = Field(default=None, description="Which; null for who has no key.")


class Stats(BaseModel):
    """What the server has done since it started. Seconds are means over finished requests."""

    requests: int = Field(description="Suites that were asked for.")
    running: int = Field(description="Requests that have no answer yet, waiting ones included.")
    finished: int = Field(description="Requests that got a report.")
    failed: int = Field(description="Requests that got an error.")
    stopped: int = Field(description="Requests that ended early: client gone, time over, or shutdown.")
    mean_request_seconds: float | None = Field(description="Mean time to a report.")
    loads: int = Field(description="How often a model was loaded.")
    reloads: int = Field(description="How many of these because its files had changed.")
    evictions: int = Field(description="How many models made room for another.")
    max_loaded_models: int = Field(description="How many may be loaded at a time.")
    models: list[Model] = Field(description="The least recently used first.")


class Fault(BaseModel):
    """Why there is no report."""

    error: str = Field(description="What is wrong, where, and how to mend it.", examples=["suite is missing"])
    problems: list[str] = Field(description="Each fault in a line of its own, as many as were found.")
