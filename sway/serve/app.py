"""The server's routes, with their documentation at /openapi.json."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from sway import __version__
from sway.serve.guard import App, Guard, Rules
from sway.serve.service import Service
from sway.serve.wire import Fault, Health, RunReport, RunRequest, ScoreRequest, Stats

_WHY = {
    400: "The spec cannot be used, or its model cannot be loaded.",
    401: "The key is missing or wrong.",
    403: "The spec names what this server does not touch for requests.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The server is not called by that name.",
    422: "The body has the wrong shape.",
    500: "A fault of the server.",
    503: "The server is shutting down, or has too many requests.",
    504: "The suite took longer than the server allows.",
}
_Key = Security(HTTPBearer(auto_error=False, description="Only where the server was started with a key."))


def _faults(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Fault, "description": _WHY[status]} for status in statuses}


def make_app(service: Service, rules: Rules) -> App:
    """The application, behind its guard. Closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    api = FastAPI(
        title="sway serve",
        summary="Judges LoRA adapters with models that stay loaded.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from another site
        redoc_url=None,
    )
    _handle_faults(api)
    _add_routes(api, service, rules)
    return Guard(api, rules)


def _handle_faults(api: FastAPI) -> None:
    @api.exception_handler(RequestValidationError)
    async def misshapen(_: Request, fault: RequestValidationError) -> Response:
        return _told(422, *(_place(error) for error in fault.errors()[:20]))

    @api.exception_handler(HTTPException)
    async def elsewhere(_: Request, fault: HTTPException) -> Response:
        return _told(fault.status_code, str(fault.detail), headers=dict(fault.headers or {}))


def _add_routes(api: FastAPI, service: Service, rules: Rules) -> None:
    @api.get("/health", response_model=Health, responses=_faults(421), tags=["server"])
    async def health(request: Request) -> Health:
        """Whether the server answers, and how many models are loaded; to who has the key also which."""
        return service.health(trusted=rules.bears_key(dict(request.headers)))

    @api.get("/stats", response_model=Stats, responses=_faults(401, 421), tags=["server"], dependencies=[_Key])
    async def stats() -> Stats:
        """What the server has done since it started."""
        return service.stats()

    asking: dict[str, Any] = {"response_model": RunReport, "responses": _faults(*_WHY), "tags": ["suites"]}

    @api.post("/run", dependencies=[_Key], **asking)
    async def run(asked: RunRequest, request: Request) -> Response:
        """Run a suite; the report is that of `sway run --json`."""
        return _answer(*await service.run(asked, request.receive))

    @api.post("/score", dependencies=[_Key], **asking)
    async def score(asked: ScoreRequest, request: Request) -> Response:
        """Run some probes of a suite; the report has the others as skipped."""
        return _answer(*await service.run(asked, request.receive))


def _answer(status: int, body: str) -> Response:
    headers = {"retry-after": "5"} if status == 503 else {}
    return Response(body, status, headers, media_type="application/json")


def _told(status: int, *problems: str, headers: dict[str, str] | None = None) -> Response:
    body = Fault(error="; ".join(problems), problems=list(problems))
    return JSONResponse(body.model_dump(), status, headers)


def _place(error: dict[str, Any]) -> str:
    """A fault's place and what is wrong; never what was sent, which may be as long as it likes."""
    place = ".".join(str(step)[:80] for step in error["loc"])
    return f"{place}: {str(error['msg'])[:200]}"
