"""The server over real HTTP: its answers, its refusals, and many at once."""

from __future__ import annotations

import copy
import json
import re
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sway.engine.build import build
from sway.engine.gate import decide
from sway.engine.plan import Options
from sway.engine.run import run_suite
from sway.report.json_report import to_report
from sway.serve.client import ServeClient, ServeError
from sway.serve.policy import Policy
from sway.suite.loader import load_spec, spec_from_data
from tests.cli.test_verdicts import timeless
from tests.serve.conftest import Start
from tests.serve.fakes import HOLDS, PROMPTS, Park, spec
from tests.servers import running

SLOW = {"name": "slow", "kind": "delta_kl", "prompts": [f"{p} {i}" for p in PROMPTS for i in range(30)]}


def local(loaded: Any) -> dict[str, Any]:
    """The report that this process makes."""
    result = run_suite(loaded, Options(), build=build)
    return numbers(to_report(result, decide(result)).model_dump(mode="json", by_alias=True))


def numbers(report: dict[str, Any]) -> dict[str, Any]:
    """A report without times, without what the answers cost, and without lines: a spec in a request has none."""
    kept = copy.deepcopy({k: v for k, v in report.items() if k != "request_seconds"})
    for probe in kept["probes"]:
        probe["line"] = None
    return {k: v for k, v in timeless(kept).items() if k != "backend_stats"}


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_report_is_that_of_a_run_here(start: Start, tmp_path: Path) -> None:
    client = start()
    (tmp_path / "sway.yaml").write_text(json.dumps(spec("b", HOLDS)))
    loaded = load_spec(tmp_path / "sway.yaml")
    for form in (loaded, tmp_path / "sway.yaml", str(tmp_path / "sway.yaml")):
        report = client.run(form)
        assert report["request_seconds"] > 0
        assert numbers(report) == local(loaded)
    assert numbers(client.run(spec("b", HOLDS))) == local(loaded)
    assert client.stats()["loads"] == 1


def test_score_asks_some_probes_and_a_seed_replaces_the_specs(start: Start) -> None:
    client = start()
    report = client.score(spec("b", HOLDS, {**HOLDS, "name": "other"}), ["other"], seed=7)
    assert {p["name"]: p["verdict"] for p in report["probes"]} == {"changed": "skip", "other": "pass"}
    assert report["determinism"]["seed"] == 7
    with pytest.raises(ServeError, match=r"no probe named 'othr'.*did you mean other"):
        client.score(spec("b", HOLDS, {**HOLDS, "name": "other"}), ["othr"])


def test_every_fault_of_a_spec_is_told(start: Start) -> None:
    client = start()
    with pytest.raises(ServeError, match=r"models is missing") as told:
        client.run({"version": 2, "suite": [{"name": "x", "kind": "delta_lk"}]})
    assert told.value.status == 400
    assert "did you mean delta_kl?" in str(told.value)
    with pytest.raises(ServeError, match="leads out of the folders") as told:
        client.run({**spec(), "sections": "../x.md"})
    assert told.value.status == 403
    assert client.run(spec())["gate"]["verdict"] == "pass"
    assert client.stats()["failed"] == 2


def test_a_base_of_another_kind_is_no_way_out_of_the_root(start: Start, tmp_path: Path) -> None:
    park, root = Park(), tmp_path / "root"
    for name in ("root/base", "root/ad", "outside"):
        (tmp_path / name).mkdir(parents=True)
    client = start(build=park, policy=Policy((root,)))
    tuned = {"kind": "hf", "base": "./base", "adapter": "ad"}
    for base, status in ((str(tmp_path / "outside"), 403), ("org/model", 403), ("./base", 400)):
        models = {"base": {"kind": "dummy", "base": base}, "ft": tuned}
        with pytest.raises(ServeError) as told:
            client.run({**spec(differential=False), "models": models})
        assert told.value.status == status
    assert "models.ft.kind: is 'hf' but models.base.kind is 'dummy'" in str(told.value)
    assert park.loaded == []


class Remote:
    """A completions server whose tuned model may be trained anew, and which may be in trouble."""

    def __init__(self) -> None:
        self.tuned, self.status = {"a": -2.0, "b": -0.2}, 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer whatever is asked."""
        if scope["type"] != "http":
            return
        body = json.loads((await receive())["body"])
        lists = {"a": -0.2, "b": -2.0} if body["model"] == "base" else self.tuned
        scores = {"tokens": ["a"], "token_logprobs": [lists["a"]], "top_logprobs": [lists]}
        answer = {"choices": [{"text": "a", "logprobs": scores}]}
        failing = self.status if body["prompt"] in PROMPTS else 200
        await send({"type": "http.response.start", "status": failing, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def test_a_model_on_another_server_is_asked_anew_by_every_request(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    remote = Remote()
    with running(remote) as url:
        client = start(policy=Policy((Path.cwd(),), endpoints=(url,)))
        alone = {"name": "nulls", "kind": "null_adapter", "enabled": False}
        models = {side: {"kind": "api", "base": side, "endpoint": url} for side in ("base", "ft")}
        asked = {"version": 1, "models": models, "suite": [alone, {**HOLDS, "prompts": PROMPTS[:3]}]}

        def changed() -> dict[str, Any]:
            return {p["name"]: p for p in client.run(asked)["probes"]}["changed"]

        remote.status = 503
        assert changed()["verdict"] == "error"
        remote.status = 200
        before = changed()
        remote.tuned = {"a": -0.2, "b": -2.0}
        after = changed()
        assert before["verdict"] == "pass"
        assert before["raw"] > 0.1
        assert after["raw"] == pytest.approx(0)
        assert client.health()["models"] == []


def test_a_fault_of_the_server_is_one_line_and_not_its_end(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    park = Park()
    client = start(build=park)
    park.fault = RuntimeError("secret detail")
    with pytest.raises(ServeError, match="unexpected RuntimeError") as told:
        client.run(spec())
    assert told.value.status == 500
    assert "secret detail" not in str(told.value)
    assert "secret detail" in caplog.text
    park.fault = None
    assert client.run(spec())["gate"]["verdict"] == "pass"


def test_a_key_opens_all_but_health(start: Start) -> None:
    client = start(key="open sesame")
    assert client.run(spec())["gate"]["verdict"] == "pass"
    assert client.health()["models"] == [{"model": "b", "busy": False, "uses": 1}]
    assert "sesame" not in repr(client)
    for key in (None, "open sesam", "xopen sesame", "\u00e9"):
        if key and not key.isascii():
            headers = {"Authorization": f"Bearer {key}".encode()}
        else:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
        for method, path in (("GET", "/stats"), ("POST", "/run"), ("POST", "/score"), ("GET", "/openapi.json")):
            denied = httpx.request(method, client.url + path, headers=headers)
            assert denied.status_code == 401
            assert denied.headers["www-authenticate"] == "Bearer"
        health = httpx.get(client.url + "/health", headers=headers).json()
        assert (health["loaded_models"], health["models"]) == (1, None)
    with pytest.raises(ServeError, match="SWAY_SERVE_KEY") as told:
        ServeClient(client.url).stats()
    assert told.value.status == 401


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Host": "evil.example"}, b"{}", 421),
        ({"Host": "localhost.evil.example:80"}, b"{}", 421),
        ({"Origin": "http://evil.example"}, b"{}", 403),
        ({"Origin": "null"}, b"{}", 403),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": ""}, b"{}", 415),
        ({}, b" " * (1 << 20) + b"{}", 413),
        ({}, b"{", 422),
        ({}, b"[" * 5000, 400),
        ({}, b"\xff", 400),
        ({}, b"[]", 422),
        ({}, b'{"spec": []}', 422),
        ({}, b'{"spec": {}, "seed": -1}', 422),
        ({}, b'{"spec": {}, "seed": "0"}', 422),
        ({}, b'{"spec": {}, "sed": 0}', 422),
        ({}, b'{"spec": {"version": NaN}}', 400),
        ({}, b'{"spec": {"\\ud800": "\\ud800"}}', 400),
        ({}, b'{"spec": {}, "spec_path": "\\u0000"}', 403),
    ],
)
def test_what_is_refused(start: Start, headers: dict[str, str], content: bytes, status: int) -> None:
    url = start().url
    got = httpx.post(url + "/run", headers={"Content-Type": "application/json", **headers}, content=content)
    assert got.status_code == status
    assert set(got.json()) == {"error", "problems"}
    assert len(got.content) < 5000


def test_a_body_that_grows_beyond_the_bound_is_cut_off(start: Start) -> None:
    url = start().url
    parts = (b" " * 65536 for _ in range(1000))
    try:
        got = httpx.post(url + "/run", headers={"Content-Type": "application/json"}, content=parts)
        assert got.status_code == 413
    except httpx.WriteError:  # the server has hung up before all was sent
        pass
    assert httpx.get(url + "/health").json()["status"] == "ok"


def test_unknown_paths_and_methods_are_told_in_the_same_shape(start: Start) -> None:
    url = start().url
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/run", 405), ("GET", "/docs", 404)):
        got = httpx.request(method, url + path)
        assert got.status_code == status
        assert set(got.json()) == {"error", "problems"}


def test_every_request_that_the_guide_lists_is_answered(start: Start) -> None:
    url, headers = start(key="open sesame").url, {"Authorization": "Bearer open sesame"}
    page = (Path(__file__).parents[2] / "docs" / "serve.md").read_text("utf-8")
    table = page.split("| request |")[1].split("\n\n")[0]
    asked = re.findall(r"`(?:(GET|POST) )?(/\w[\w.]*)", table)
    assert {path for _, path in asked} == {"/health", "/stats", "/run", "/score", "/openapi.json"}
    for method, path in asked:
        assert httpx.request(method or "GET", url + path, headers=headers).status_code != 404
    assert re.search(r"GET /health.*how many.*with the key.*which", table)


def test_a_client_that_leaves_stops_the_work(start: Start) -> None:
    park = Park(answer_seconds=0.002)
    client = start(build=park)
    with pytest.raises(ServeError, match=r"no answer within 0\.3 s"):
        ServeClient(client.url, timeout=0.3).run(spec("b", SLOW))
    wait_for(lambda: client.stats()["stopped"] == 1)
    assert park.answers < 2000  # of more than 5,000
    assert client.stats()["running"] == 0
    assert client.run(spec())["gate"]["verdict"] == "pass"


def test_a_suite_that_takes_too_long_is_ended(start: Start) -> None:
    client = start(build=Park(answer_seconds=0.002), seconds=0.2)
    with pytest.raises(ServeError, match="longer than the server allows") as told:
        client.run(spec("b", SLOW))
    assert told.value.status == 504


def test_shutting_down_ends_what_runs_and_closes_the_models(start: Start) -> None:
    park = Park(answer_seconds=0.002)
    client = start(build=park)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.run, spec("b", SLOW))
        wait_for(lambda: park.answers > 0)
        start.services[-1].stop()
        with pytest.raises(ServeError, match="shutting down") as told:
            running.result(20)
    assert told.value.status == 503
    assert client.health()["status"] == "closing"
    with pytest.raises(ServeError, match="shutting down"):
        client.run(spec())


def test_sixty_four_at_once_each_get_their_own_report(start: Start) -> None:
    park = Park(answer_seconds=0.0001, load_seconds=0.02)
    client = start(build=park)
    asked = [(f"model{'x' * (i % 4)}", i) for i in range(64)]

    def run(base: str, seed: int) -> dict[str, Any]:
        return client.run(spec(base), seed=seed)

    with ThreadPoolExecutor(64) as pool:
        reports = list(pool.map(lambda pair: run(*pair), asked))
    assert [(r["base_model_id"], r["determinism"]["seed"]) for r in reports] == asked
    assert len({r["probes"][1]["raw"] for r in reports}) == 4
    for (base, seed), report in list(zip(asked, reports, strict=True))[:4]:
        assert numbers(report) == numbers(run(base, seed))
    assert (park.most <= 2, park.clashes) == (True, 0)
    stats = client.stats()
    assert (stats["finished"], stats["failed"], stats["running"]) == (68, 0, 0)


def test_beyond_its_bound_the_server_says_that_it_is_busy(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sway.serve.service.MOST_AT_ONCE", 1)
    park = Park(answer_seconds=0.002)
    client = start(build=park)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.run, spec("b", {**SLOW, "prompts": SLOW["prompts"][:12]}))
        wait_for(lambda: park.answers > 0)
        with pytest.raises(ServeError, match="too many requests") as told:
            client.run(spec())
        assert first.result(20)["probes"]
    assert told.value.status == 503


def test_a_slow_body_is_not_waited_for_forever(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sway.serve.guard.BODY_SECONDS", 0.1)
    host, port = start().url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        assert raw.recv(99).startswith(b"HTTP/1.1 408")


def test_real_weights_warm_and_cold_and_changed(start: Start, zoo: Any, tmp_path: Path) -> None:
    """A model that stayed loaded answers bit for bit as a fresh one, and never for weights that were replaced."""
    adapter = tmp_path / "adapter"
    shutil.copytree(zoo.adapter("healthy"), adapter)
    model = {"base": str(zoo.base)}
    suite = [{"name": "nulls", "kind": "null_adapter", "runs": 3}, {**HOLDS, "prompts": PROMPTS[:4]}]
    data = {"version": 1, "models": {"base": model, "ft": {**model, "adapter": "adapter"}}, "suite": suite}
    loaded = spec_from_data(data, path=tmp_path / "sway.yaml")
    client = start(policy=Policy((tmp_path.resolve(), zoo.root.resolve())))
    cold, warm = client.run(data), client.run(data)
    assert warm["backend_stats"]["load_seconds"] == 0 < cold["backend_stats"]["load_seconds"]
    for name in ("requests", "forward_passes", "rows", "views"):
        assert warm["backend_stats"][name] == cold["backend_stats"][name]
    assert numbers(warm) == numbers(cold) == local(loaded)
    shutil.copytree(zoo.adapter("noise"), adapter, dirs_exist_ok=True)
    changed = client.run(data)
    assert numbers(changed) == local(loaded) != numbers(warm)
    assert client.stats()["reloads"] == 1


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    from sway.serve.app import make_app
    from sway.serve.guard import Rules
    from sway.serve.service import Service

    app = make_app(Service(Policy((Path.cwd(),)), max_models=1, seconds=1), Rules(None, None, 1))
    return app.app.openapi()


def test_the_documentation_has_titles_examples_and_every_status(documented: dict[str, Any]) -> None:
    assert set(documented["paths"]) == {"/health", "/stats", "/run", "/score"}
    for path, methods in documented["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            if path in ("/run", "/score"):
                assert {"200", "400", "401", "413", "422", "503"} <= set(operation["responses"])
    for schema in ("RunRequest", "ScoreRequest"):
        properties = documented["components"]["schemas"][schema]["properties"]
        assert all(p.get("description") for p in properties.values())
        assert properties["spec"]["examples"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["version", "models", "suite", "defaults", "sections", "name", "kind", "base", "ft", "prompts"]
)
specs = st.dictionaries(fields, json_values, max_size=5)
bodies = st.fixed_dictionaries(
    {"spec": specs | json_values}, optional={"seed": json_values, "spec_path": json_values, "probe_names": json_values}
)


def test_no_body_breaks_the_promises_of_the_documentation(start: Start, documented: dict[str, Any]) -> None:
    client = start()

    @given(st.sampled_from(["/run", "/score"]), bodies)
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def ask(path: str, body: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        got = http.post(client.url + path, content=json.dumps(body).encode(), headers=headers)
        assert got.status_code in (200, 400, 403, 422)
        declared = documented["paths"][path]["post"]["responses"][str(got.status_code)]
        schema = declared["content"]["application/json"]["schema"]
        jsonschema.validate(got.json(), {**schema, "components": documented["components"]})

    with httpx.Client() as http:
        ask()
