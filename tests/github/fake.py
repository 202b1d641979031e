"""A small GitHub that holds every request, and every answer of its own, to GitHub's published API.

What the description does not say is asserted by hand: lengths, page sizes, a conclusion for what is completed.
`faults` are answered instead of, or after, the request that they name.
"""

from __future__ import annotations

import io
import itertools
import json
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

DATA = Path(__file__).parent / "data"
REPO, REPO_ID, ME, SHA, BASE = "acme/models", 4242, "github-actions[bot]", "a" * 40, "b" * 40
NOW = "2020-01-01T00:00:00Z"


@cache
def published() -> OpenAPI:
    """GitHub's description of the operations that we use."""
    return OpenAPI.from_dict(json.loads((DATA / "github-openapi.json").read_text(encoding="utf-8")))


@dataclass
class Fault:
    """What becomes of the next matching request: `status`, or `dropped` or `torn`; `after` its effect if so said."""

    method: str
    path: str
    status: int = 502
    body: Mapping[str, Any] = field(default_factory=lambda: {"message": "Server Error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    how: str = ""
    times: int = 1

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is the one."""
        if self.times and method == self.method and self.path in path:
            self.times -= 1
            return True
        return False


class GitHub:
    """The state, and the requests that came."""

    def __init__(self) -> None:
        self.comments: dict[int, dict[int, dict[str, Any]]] = {7: {}}
        self.checks: dict[int, dict[str, Any]] = {}
        self.statuses: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.artifacts: dict[int, list[dict[str, Any]]] = {}
        self.archive = b""
        self.viewer = ME
        self.faults: deque[Fault] = deque()
        self.asked: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        self.too_long: int | None = None
        self.ids = itertools.count(1000)
        self.lock = threading.RLock()
        self.unfiltered = False
        self.undescribed = False
        """Answers that GitHub is known to give, and whose description does not allow for them."""
        self.url = ""
        self.barrier: threading.Barrier | None = None

    def add(self, body: str, who: str = ME, issue: int = 7) -> int:
        """A comment that is there already."""
        with self.lock:
            number = next(self.ids)
            self.comments.setdefault(issue, {})[number] = comment(self.url, number, body, who)
            return number

    def bodies(self, who: str = ME, issue: int = 7) -> list[str]:
        """What somebody has said."""
        return [c["body"] for c in self.comments.get(issue, {}).values() if c["user"]["login"] == who]

    def count(self, method: str, path: str = "") -> int:
        """How many such requests came."""
        return sum(m == method and path in p for m, p in self.asked)


def user(login: str) -> dict[str, Any]:
    urls = ("url", "html_url", "followers_url", "following_url", "gists_url", "starred_url", "subscriptions_url")
    more = ("organizations_url", "repos_url", "events_url", "received_events_url")
    known = dict.fromkeys((*urls, *more), "https://api.github.com/users/x")
    kind = "Bot" if login.endswith("[bot]") else "User"
    plain = {"login": login, "id": 1 + sum(map(ord, login)), "node_id": "U", "gravatar_id": "", "type": kind}
    return {**known, **plain, "avatar_url": "https://github.com/a", "site_admin": False}


def comment(url: str, number: int, body: str, who: str) -> dict[str, Any]:
    where = f"{url}/repos/{REPO}/issues"
    links = {"url": f"{where}/comments/{number}", "html_url": where, "issue_url": f"{where}/7"}
    times = {"created_at": NOW, "updated_at": NOW, "author_association": "NONE"}
    return {"id": number, "node_id": "C", "body": body, "user": user(who), **links, **times}


def repository(number: int = REPO_ID, name: str = REPO) -> dict[str, Any]:
    """As much of a repository as a payload, and our reading, needs."""
    owner = {"login": name.split("/")[0]}
    return {"id": number, "full_name": name, "owner": owner, "name": name.split("/")[1], "default_branch": "main"}


def shaped(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What is `known`, with all that GitHub's description requires of such a thing beside it."""
    return merged(sample({"$ref": f"#/components/schemas/{name}"}), known)


@cache
def described() -> dict[str, Any]:
    return json.loads((DATA / "github-openapi.json").read_text(encoding="utf-8"))


def sample(schema: Mapping[str, Any]) -> Any:
    """The least that a schema allows."""
    if "$ref" in schema:
        return sample(described()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if schema.get("nullable"):
        return None
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            return sample(schema[key][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        return {k: sample(schema["properties"][k]) for k in schema.get("required", ()) if k in schema["properties"]}
    texts = {"date-time": NOW, "uri": "https://api.github.com/x"}
    plain = {"string": texts.get(schema.get("format", ""), "x"), "array": [], "boolean": False}
    return plain.get(schema.get("type", ""), 1)


def merged(under: Any, over: Any) -> Any:
    if not isinstance(over, Mapping):
        return over
    return {
        **(under if isinstance(under, dict) else {}),
        **{k: merged((under or {}).get(k), v) for k, v in over.items()},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def _serve(self) -> None:
        hub, url = self.server.hub, urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        data = self.rfile.read(length)
        body = json.loads(data) if data else None
        with hub.lock:
            hub.asked.append((self.command, self.path))
            fault = next((f for f in hub.faults if f.takes(self.command, url.path)), None)
        if url.path == "/store":
            return self._raw(hub.archive)
        request = self._checked(hub, url.path.removeprefix("/api/v3"), parse_qs(url.query), data)
        if hub.barrier is not None and self.command == "POST" and "comments" in url.path:
            hub.barrier.wait(10)
        if fault and not fault.after:
            return self._failed(fault)
        with hub.lock:
            status, answer, headers = answered(hub, self.command, url.path, parse_qs(url.query), body)
        if fault:
            return self._failed(fault, answer)
        text = "" if answer is None else json.dumps(answer)
        if request is not None and status not in (302, 404) and not hub.undescribed:
            response = MockResponse(text.encode(), status_code=status, headers=headers)
            self._complain(hub, lambda: published().validate_response(request, response))
        return self._send(status, text, headers)

    def _checked(self, hub: GitHub, path: str, query: dict[str, list[str]], data: bytes) -> MockRequest | None:
        if path.endswith("graphql"):
            return None
        if self.headers.get("authorization") != "token secret-token":
            hub.wrong.append(f"{path}: {self.headers.get('authorization')}")
        request = MockRequest(
            "https://api.github.com", self.command.lower(), path, args={k: v[0] for k, v in query.items()}, data=data
        )
        self._complain(hub, lambda: published().validate_request(request))
        if int(query.get("per_page", ["1"])[0]) > 100:
            hub.wrong.append(f"{path}: more than a hundred a page")
        return request

    def _complain(self, hub: GitHub, check: Callable[[], object]) -> None:
        try:
            check()
        except Exception as fault:  # noqa: BLE001 - whatever is wrong fails the test that looks
            hub.wrong.append(f"{self.command} {self.path}: {fault!r} {fault.__cause__!r}"[:2000])

    def _failed(self, fault: Fault, answer: Any = None) -> None:
        if fault.how == "dropped":
            self.close_connection = True
            self.connection.close()
        elif fault.how == "torn":
            self._send(200, json.dumps(answer if answer is not None else [{}] * 9), {}, short=True)
        else:
            self._send(fault.status, json.dumps(fault.body), fault.headers)

    def _send(self, status: int, text: str, headers: Mapping[str, str], *, short: bool = False) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in {**headers, "content-type": "application/json", "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if short else data)
        self.close_connection = self.close_connection or short

    def _raw(self, data: bytes) -> None:
        if self.headers.get("authorization"):
            self.server.hub.wrong.append("the token was sent to the store")
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub: GitHub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        hub.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        return  # a connection that a fault has closed


Answer = tuple[int, Any, Mapping[str, str]]
GONE: Answer = (404, {"message": "Not Found", "documentation_url": "https://docs.github.com"}, {})


def answered(hub: GitHub, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    """What GitHub does and says."""
    if path.endswith("graphql"):
        assert "viewer" in body["query"]
        return 200, {"data": {"viewer": {"login": hub.viewer}}}, {}
    parts = path.removeprefix("/api/v3").removeprefix(f"/repos/{REPO}/").split("/")
    if parts[0] == "issues":
        return commented(hub, method, path, parts, query, body)
    match method, parts:
        case "GET", ["commits", _, "check-runs"]:
            found = [told(c) for c in hub.checks.values() if c["name"] == query.get("check_name", [c["name"]])[0]]
            return 200, {"total_count": len(found), "check_runs": found}, {}
        case "POST", ["check-runs"]:
            return check_run(hub, next(hub.ids), body, 201)
        case "PATCH", ["check-runs", number]:
            return check_run(hub, int(number), body, 200)
        case "POST", ["statuses", _]:
            hub.statuses.append(body)
            hub.wrong += ["a long description"] if len(body.get("description", "")) > 140 else []
            kept = {k: body.get(k) for k in ("state", "description", "target_url", "context")}
            return 201, shaped("status", {**kept, "creator": user(ME)}), {}
        case _:
            return looked_up(hub, parts, query)


def commented(hub: GitHub, method: str, path: str, parts: list[str], query: dict[str, list[str]], body: Any) -> Answer:
    """The comments, and one of them."""
    if parts[1] == "comments":
        return one_comment(hub, method, int(parts[2]), body)
    number = int(parts[1])
    if method == "GET":
        return paged(hub, path, query, list(hub.comments.get(number, {}).values()))
    if (refused := long(hub, body)) or number not in hub.comments:
        return refused or GONE
    made = hub.add(body["body"], hub.viewer, number)
    return 201, hub.comments[number][made], {}


def long(hub: GitHub, body: Any) -> Answer | None:
    if len(body["body"]) > 65_536:
        hub.wrong.append("a body that is too long")
    if hub.too_long is None or len(body["body"]) <= hub.too_long:
        return None
    said = {"message": "Validation Failed", "documentation_url": "https://x"}
    return 422, {**said, "errors": [{"resource": "IssueComment", "code": "unprocessable", "field": "data"}]}, {}


def one_comment(hub: GitHub, method: str, number: int, body: Any) -> Answer:
    home = next((found for found in hub.comments.values() if number in found), None)
    if home is None:
        return GONE
    if method == "DELETE":
        del home[number]
        return 204, None, {}
    if method == "PATCH":
        if refused := long(hub, body):
            return refused
        home[number] = {**home[number], "body": body["body"]}
    return 200, home[number], {}


def paged(hub: GitHub, path: str, query: dict[str, list[str]], items: list[Any]) -> Answer:
    size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
    more = page * size < len(items)
    link = {"link": f'<{hub.url}{path}?per_page={size}&page={page + 1}>; rel="next"'} if more else {}
    return 200, items[(page - 1) * size : page * size], link


def check_run(hub: GitHub, number: int, body: Any, status: int) -> Answer:
    output = body.get("output", {})
    if len(output.get("annotations", [])) > 50:
        hub.wrong.append("more than fifty annotations")
    if body.get("status") == "completed" and not body.get("conclusion"):
        hub.wrong.append("completed without a conclusion")
    if len(output.get("summary", "")) > 65_535:
        hub.wrong.append("a summary that is too long")
    url = f"{hub.url}/repos/{REPO}/check-runs/{number}"
    kept = hub.checks.get(number, {"id": number, "url": url, "annotations": []})
    kept["annotations"] = [*kept["annotations"], *output.get("annotations", [])]
    keys = ("name", "head_sha", "external_id", "status", "conclusion")
    kept.update({k: body[k] for k in keys if k in body})
    shown = {"title": output.get("title"), "summary": output.get("summary"), "text": None}
    kept["output"] = {**shown, "annotations_count": len(kept["annotations"]), "annotations_url": "https://x"}
    hub.checks[number] = kept
    return status, told(kept), {}


def told(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check run as it is answered."""
    return shaped("check-run", {"check_suite": {"id": 1}, **{k: v for k, v in check.items() if k != "annotations"}})


def looked_up(hub: GitHub, parts: list[str], query: dict[str, list[str]]) -> Answer:
    """What is only read."""
    match parts:
        case ["pulls"]:
            wanted = query.get("head", [""])[0]
            return 200, [pull(p) for p in hub.pulls if p["head"]["label"] == wanted], {}
        case ["actions", "runs", number]:
            return next(((200, run(hub, r), {}) for r in hub.runs if r["id"] == int(number)), GONE)
        case ["actions", "workflows", _, "runs"]:
            wanted = {"head_branch": query["branch"][0], "event": query["event"][0], "conclusion": query["status"][0]}
            found = [run(hub, r) for r in hub.runs if hub.unfiltered or all(r[k] == v for k, v in wanted.items())]
            return 200, {"total_count": len(found), "workflow_runs": found}, {}
        case ["actions", "runs", number, "artifacts"]:
            every = [shaped("artifact", a) for a in hub.artifacts.get(int(number), [])]
            found = [a for a in every if a["name"] == query.get("name", [a["name"]])[0]]
            return 200, {"total_count": len(found), "artifacts": found}, {}
        case ["actions", "artifacts", _, "zip"]:
            return 302, None, {"location": f"{hub.url}/store"}
        case _:
            hub.wrong.append(f"nothing is known of {'/'.join(parts)}")
            return GONE


def pull(known: Mapping[str, Any]) -> dict[str, Any]:
    """A pull request as a list of them has it."""
    sides = {k: merged(known[k], {"repo": full(known[k]["repo"]), "user": user("x")}) for k in ("head", "base")}
    return shaped("pull-request-simple", {**known, **sides, "user": user("x")})


def run(hub: GitHub, known: Mapping[str, Any]) -> dict[str, Any]:
    """A run of a workflow."""
    where = f"{hub.url}/repos/{REPO}/actions/runs/{known['id']}"
    known = {"url": where, "artifacts_url": f"{where}/artifacts", **known}
    repos = {"repository": full(repository()), "head_repository": full(known["head_repository"])}
    return shaped("workflow-run", {**known, **repos, "actor": user("x"), "triggering_actor": user("x")})


def full(repo: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if repo is None else shaped("repository", {**repo, "owner": user(repo["owner"]["login"])})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()
