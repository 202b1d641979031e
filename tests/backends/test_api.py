"""The backend of kind api against a real server, held to what the same models answer when they are loaded here."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sway.backends import build
from sway.backends.api import client as api_client
from sway.core.errors import BackendError
from sway.core.model import ModelSpec
from sway.core.requests import Chat, Failure, Generation, NextToken, RollingLogprob, SpanLogprob
from sway.core.views import BASE, TUNED, NullDraw, View
from sway.engine.build import build as build_spec
from sway.engine.gate import decide
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.report.json_report import render, to_report
from sway.stats.divergence import jensen_shannon, kullback_leibler
from sway.suite.loader import spec_from_data
from tests.backends.completions_server import Served
from tests.backends.conftest import SENTENCES, ask
from tests.servers import running


@pytest.fixture(scope="module")
def models(llama, lora) -> Callable[..., Served]:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load() -> Any:
        return AutoModelForCausalLM.from_pretrained(llama).eval()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own
        named = {"base": load(), "tuned": PeftModel.from_pretrained(load(), lora).eval()}
    tokenizer = AutoTokenizer.from_pretrained(llama)
    return lambda **settings: Served(named, tokenizer, **settings)


@pytest.fixture
def serve(models, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Served, str]]]:
    """Start a server; its settings are those of `Served`."""
    for name in api_client.KEYS:
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:

        def serve(**settings: Any) -> tuple[Served, str]:
            served = models(**settings)
            return served, stack.enter_context(running(served.app()))

        yield serve


def spec(url: str, name: str) -> ModelSpec:
    return ModelSpec(kind="api", base=name, endpoint=url)


def connect(url: str, base: str = "base", tuned: str = "tuned") -> Any:
    return build(spec(url, base), spec(url, tuned))


PROMPTS = [*SENTENCES, "caf\u00e9 \u2014 \U0001f980", "a"]


def test_scores_are_those_of_the_models_loaded_here(serve, backend) -> None:
    _, url = serve()
    api = connect(url + "/v1/")
    texts = [(prompt[:7], prompt[7:]) for prompt in PROMPTS if len(prompt) > 7]
    texts += [("caf", "\u00e9 \u2014 \U0001f980"), ("The river", " rises")]
    asked = [SpanLogprob(view, *text) for view in (BASE, TUNED) for text in texts]
    asked += [RollingLogprob(view, prompt) for view in (BASE, TUNED) for prompt in PROMPTS]
    for request, there, here in zip(asked, ask(api, *asked), ask(backend, *asked), strict=True):
        np.testing.assert_allclose(there.logprobs, here.logprobs, atol=1e-4, err_msg=str(request))
        assert (there.greedy == here.greedy).all()
    api.close()


def test_next_tokens_are_exact_where_all_are_listed_and_never_exaggerated_where_not(serve, backend) -> None:
    pairs = [NextToken(view, prompt, 256) for prompt in PROMPTS for view in (BASE, TUNED)]
    here = ask(backend, *pairs)
    for most in (256, 20, 5, 1):
        _, url = serve(most=most)
        api = connect(url)
        there = ask(api, *pairs)
        for i in range(0, len(pairs), 2):
            base, tuned = there[i], there[i + 1]
            assert base.masses().sum() == pytest.approx(1)
            assert (base.ids == tuned.ids).all()
            assert len(base.ids) == most
            np.testing.assert_allclose(np.sort(base.logprobs), np.sort(here[i].logprobs)[-most:], atol=1e-4)
            for divergence in (jensen_shannon, kullback_leibler):
                exact = divergence(here[i].masses(), here[i + 1].masses())
                found = divergence(base.masses(), tuned.masses())
                assert found <= exact + (1e-3 if most == 256 else 1e-4)
                if most == 256:
                    assert found > 0.8 * exact
        assert [t for t, _ in there[1].top] == [t for t, _ in here[1].top][: len(there[1].top)]
        api.close()


def test_continuations_are_those_of_the_models_loaded_here(serve, backend) -> None:
    _, url = serve()
    api = connect(url)
    asked = [Generation(view, prompt, 6) for prompt in PROMPTS[:3] for view in (BASE, TUNED)]
    for there, here in zip(ask(api, *asked), ask(backend, *asked), strict=True):
        assert (there.text, there.tokens, there.finished) == (here.text, here.tokens, here.finished)
    assert ask(api, Generation(TUNED, Chat.ask("Who?"), 4))[0].tokens == 4
    api.close()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (NextToken(View(1.0, NullDraw(0, 0)), "a"), "enabled: false on the null_adapter entry"),
        (NextToken(View(0.5), "a"), "at full strength only"),
        (SpanLogprob(TUNED, Chat.ask("a"), "b"), "applies no chat template"),
        (NextToken(TUNED, Chat.ask("a")), "applies no chat template"),
        (Generation(TUNED, Chat(Chat.ask("a").messages, tools="[]")), "does not answer such a question"),
    ],
)
def test_what_a_server_lacks_is_refused_with_a_way_out(serve, request_: Any, said: str) -> None:
    _, url = serve()
    api = connect(url)
    assert said in (api.refusal(request_) or "")
    assert api.refusal(NextToken(TUNED, "a")) is None
    [found] = api.answer([request_])
    assert isinstance(found.answer, Failure)
    api.close()


def test_servers_without_lists_or_echo_are_found_out(serve) -> None:
    _, url = serve(most=0, echo=False)
    api = connect(url)
    assert "log-probabilities" in api.refusal(NextToken(TUNED, "a"))
    assert "does not score given text" in api.refusal(RollingLogprob(BASE, "a"))
    assert api.refusal(Generation(TUNED, "a")) is None
    api.close()


def test_a_busy_server_is_asked_again_as_it_wishes(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    served, url = serve()
    api = connect(url)
    served.trouble += [(429, {"retry-after": "7"}), (503, {}), (500, {})]
    [answer] = ask(api, RollingLogprob(BASE, "The river"))
    assert answer.tokens
    assert slept[0] == 7
    assert 0 < slept[1] < slept[2] * 2 < 10
    served.trouble += [(429, {"retry-after": "3600"})]
    [answer] = ask(api, RollingLogprob(BASE, "The hills"))
    assert "left alone for 3600 s" in answer.reason
    served.trouble += [(503, {})] * 6
    [answer] = ask(api, RollingLogprob(BASE, "A baker"))
    assert "no answer in 6 attempts: HTTP 503 in trouble" in answer.reason
    api.close()


def test_a_failure_is_not_kept(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    served, url = serve()
    api = connect(url)
    served.trouble += [(503, {})] * 6
    [failure] = ask(api, NextToken(BASE, "The river"))
    assert isinstance(failure, Failure)
    [answer] = ask(api, NextToken(BASE, "The river"))
    assert len(answer.ids)
    api.close()


def test_many_questions_are_each_answered_once_and_lists_asked_for_once(serve) -> None:
    served, url = serve()
    api = connect(url)
    served.calls.clear()
    asked = [NextToken(view, f"number {i}") for i in range(20) for view in (BASE, TUNED)]
    assert len(ask(api, *asked)) == 40
    assert served.calls["all"] == 40
    assert api.stats().requests == 40
    api.close()


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({"SWAY_API_KEY": "sk-own", "OPENAI_API_KEY": "sk-other"}, "sk-own"),
        ({"OPENAI_API_KEY": "sk-other"}, "sk-other"),
    ],
)
def test_the_key_comes_from_the_environment_and_is_never_shown(
    serve, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sent: str
) -> None:
    _, url = serve(key=sent)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    api = connect(url)
    data = suite(url)
    loaded = spec_from_data(data)
    result = run_suite(loaded, Options(), build=build_spec)
    report = render(to_report(result, decide(result)))
    shown = repr(api) + repr(api.base) + repr(vars(api.base.server)) + str(api.identity()) + report
    assert sent not in shown
    api.close()
    monkeypatch.setenv("SWAY_API_KEY", "sk-wrong")
    with pytest.raises(BackendError, match="does not know the key") as told:
        connect(url)
    assert "sk-wrong" not in str(told.value)
    assert "[key]" in str(told.value)


def test_a_key_made_for_openai_goes_nowhere_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWAY_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    sent = [bool(api_client.Server(f"{url}://host")._key.get_secret_value()) for url in ("http", "https")]
    assert sent == [False, True]


@pytest.mark.parametrize(
    ("endpoint", "tuned", "said"),
    [
        ("http://127.0.0.1:9", "tuned", "cannot be reached"),
        (None, "nobody", "does not know the model 'nobody'"),
        (None, "base", "one and the same"),
        ("http://me:secret@127.0.0.1:9", "tuned", "has a name or password in it"),
    ],
)
def test_what_cannot_be_asked_is_one_line(serve, endpoint: str | None, tuned: str, said: str) -> None:
    _, url = serve()
    with pytest.raises(BackendError) as told:
        connect(endpoint or url, tuned=tuned)
    assert said in str(told.value)
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def suite(url: str) -> dict[str, Any]:
    sections = [{"kind": "prose", "content": text * 3} for text in SENTENCES]
    return {
        "version": 1,
        "models": {side: {"kind": "api", "base": name, "endpoint": url} for side, name in MODELS.items()},
        "sections": sections,
        "suite": [
            {"name": "nulls", "kind": "null_adapter", "enabled": False},
            {"name": "changed", "kind": "delta_kl", "prompts": SENTENCES},
            {"name": "intact", "kind": "external_perplexity", "max_chunks": 2, "chunk_chars": 200, "required": False},
            {"name": "curve", "kind": "adapter_ablation", "prompts": SENTENCES[:2], "required": False},
        ],
    }


MODELS = {"base": "base", "ft": "tuned"}


def test_a_suite_runs_and_says_what_it_could_not_ask(serve, tmp_path: Path) -> None:
    _, url = serve(most=100)
    result = run_suite(spec_from_data(suite(url), path=tmp_path / "sway.yaml"), Options(), build=build_spec)
    rows = {p.name: p for p in result.probes}
    assert rows["changed"].verdict == "pass", rows["changed"].message
    assert "(no calibration for delta_kl)" in rows["changed"].message
    assert rows["intact"].verdict.measured
    assert rows["curve"].verdict == "skip"
    assert "at full strength only" in rows["curve"].message
    assert decide(result).exit == 0
    assert result.determinism.achieved == "loose"
    assert any("100 likeliest" in note for note in result.determinism.notes)
    calibrated = suite(url)
    calibrated["suite"] = calibrated["suite"][1:2]
    result = run_suite(spec_from_data(calibrated, path=tmp_path / "sway.yaml"), Options(), build=build_spec)
    assert result.probes[0].verdict == "skip"
    assert "enabled: false on the null_adapter entry" in result.probes[0].message
    assert decide(result).exit == 3


@pytest.mark.parametrize(
    "beside",
    [
        lambda tops: None,
        lambda tops: [],
        lambda tops: [{} for _ in tops],
        lambda tops: [None for _ in tops],
        lambda tops: [*tops[:-2], {}, tops[-1]],
    ],
)
def test_nothing_counts_as_recited_or_not_where_the_likeliest_tokens_are_unknown(serve, tmp_path: Path, beside) -> None:
    _, url = serve(beside=beside)
    data = suite(url)
    data["suite"] = [data["suite"][0], {"name": "leak", "kind": "leakage"}, data["suite"][2]]
    result = run_suite(spec_from_data(data, path=tmp_path / "sway.yaml"), Options(), build=build_spec)
    rows = {p.name: p for p in result.probes}
    assert rows["leak"].verdict == "error"
    assert "likeliest is not known" in rows["leak"].message
    assert rows["intact"].verdict.measured
    assert decide(result).exit == 3


def test_lists_that_are_not_one_a_token_are_no_scores(serve) -> None:
    served, url = serve()
    api = connect(url)
    for cut in (lambda tops: tops[:1], lambda tops: [*tops, {}]):
        served.beside = cut
        [failure] = ask(api, RollingLogprob(BASE, "The river"))
        assert "not one list a token" in failure.reason
    api.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"logprobs": {"tokens": ["a"], "token_logprobs": [NaN]}}]}',
        b'{"choices": [{"logprobs": {"tokens": ["other"], "token_logprobs": [-1.0]}}]}',
        b'{"choices": [{"logprobs": {"tokens": ["The"], "token_logprobs": []}}]}',
        b'{"choices": [{}]}',
        b"[" * 9999,
    ],
)
def test_answers_that_are_none_are_failures(answer: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": answer})

    with running(app) as url:
        server = api_client.Server(url)
        from sway.backends.api.backend import ApiBackend, _Side

        sides = [_Side(server, name, top=5, echo=True) for name in ("a", "b")]
        api = ApiBackend(*sides)
        for found in api.answer([RollingLogprob(BASE, "The river"), NextToken(TUNED, "The"), NextToken(BASE, "A")]):
            assert isinstance(found.answer, Failure), json.dumps(str(found))
        api.close()
