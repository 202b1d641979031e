"""Has a suite run by `sway serve` in place of this process."""

from __future__ import annotations

from dataclasses import replace

from sway.cli.reports import Outputs
from sway.cli.session import shown_progress
from sway.core.errors import SwayError
from sway.core.results import SuiteResult
from sway.engine.gate import Decision
from sway.engine.pairing import suite_digest
from sway.engine.plan import Options, make_plan
from sway.engine.score import merge_weights
from sway.report.revive import revive
from sway.serve.client import ServeClient
from sway.suite.spec import LoadedSpec


def judge_served(loaded: LoadedSpec, options: Options, url: str, outputs: Outputs) -> tuple[SuiteResult, Decision]:
    """The server's result and decision on a suite.

    Raises:
        SwayError: an option has no meaning there, a name or weight is wrong, or the server gives no report.
    """
    if options.tracer:
        raise SwayError("has no effect on a server", where="--trace", mend="run it here")
    here_only = {"--thorough": options.thorough, "--threads": options.threads, "--memory": options.memory}
    if option := next((name for name, given in here_only.items() if given), ""):
        mend = "set runs: on the spec's null_adapter" if options.thorough else "set OMP_NUM_THREADS where it runs"
        raise SwayError("has no effect on a server", where=option, mend=mend)
    outputs.check()
    merge_weights(loaded.spec.defaults.score_weights, options.weights)
    make_plan(loaded, options)
    weights = {**loaded.spec.defaults.score_weights, **options.weights}
    defaults = loaded.spec.defaults.model_copy(update={"score_weights": weights})
    asked = replace(loaded, spec=loaded.spec.model_copy(update={"defaults": defaults}))
    names = [e.name for e in loaded.spec.suite if e.name not in options.skip]
    names = [name for name in names if not options.only or name in options.only]
    with ServeClient(url) as client, shown_progress() as progress:
        progress.stage(f"asking {client.url}")
        whole = not (options.only or options.skip)
        answer = client.run(asked) if whole else client.score(asked, names)
    result, decision = revive({k: v for k, v in answer.items() if k != "request_seconds"}, url)
    # The weights of the command line went into the spec; the suite is still the one in the file, where it is here.
    digests = replace(result.digests, suite=suite_digest(loaded.spec))
    lines = {entry.name: entry.line or None for entry in loaded.spec.suite}
    probes = tuple(replace(p, line=lines.get(p.name)) for p in result.probes)
    return replace(result, spec_path=str(loaded.path), digests=digests, probes=probes), decision
