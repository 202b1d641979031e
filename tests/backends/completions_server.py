"""A server of OpenAI's completions API over real transformers models, as vLLM and others serve it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


@dataclass
class Served:
    """Models by name, one tokenizer, and how this server differs from others.

    `most` is the largest `logprobs` it takes, `echo` whether it scores given text, `beside` makes what it lists beside
    such text of the likeliest tokens, `trouble` what it answers first.
    """

    models: dict[str, Any]
    tokenizer: Any
    most: int = 20
    echo: bool = True
    beside: Callable[[list[Any]], Any] = list
    key: str = ""
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        """The application."""
        app = FastAPI()
        app.post("/v1/completions")(self._completions)
        app.post("/v1/chat/completions")(self._chat)
        return app

    async def _completions(self, request: Request) -> Any:
        body = await self._body(request)
        if isinstance(body, JSONResponse):
            return body
        if (body.get("logprobs") or 0) > self.most or (body.get("echo") and not self.echo):
            raise HTTPException(400, f"logprobs is at most {self.most}, echo is {self.echo}")
        prompt = self.tokenizer(body["prompt"])["input_ids"]
        made = self._continue(self.models[body["model"]], prompt, body)
        shown = [*prompt, *made] if body.get("echo") else made
        text = self.tokenizer.decode(made, skip_special_tokens=True)
        choice = {"index": 0, "text": text, "finish_reason": self._reason(made, body)}
        if body.get("logprobs"):
            lists = choice["logprobs"] = self._logprobs(body, prompt, made, shown)
            lists["top_logprobs"] = (self.beside if body.get("echo") else list)(lists["top_logprobs"])
        return {"object": "text_completion", "choices": [choice], "usage": self._usage(prompt, made)}

    async def _chat(self, request: Request) -> Any:
        body = await self._body(request)
        if isinstance(body, JSONResponse):
            return body
        text = self.tokenizer.apply_chat_template(body["messages"], chat_template=TEMPLATE, tokenize=False)
        prompt = self.tokenizer(text)["input_ids"]
        made = self._continue(self.models[body["model"]], prompt, body)
        message = {"role": "assistant", "content": self.tokenizer.decode(made, skip_special_tokens=True)}
        choice = {"index": 0, "message": message, "finish_reason": self._reason(made, body)}
        return {"choices": [choice], "usage": self._usage(prompt, made)}

    async def _body(self, request: Request) -> Any:
        self.calls["all"] += 1
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            given = request.headers.get("authorization", "")
            return JSONResponse({"error": {"message": f"Incorrect API key provided: {given}"}}, 401)
        if self.trouble:
            status, headers = self.trouble.pop(0)
            return JSONResponse({"error": {"message": "in trouble"}}, status, headers)
        body = await request.json()
        self.bodies.append(body)
        if body.get("model") not in self.models:
            return JSONResponse({"error": {"message": f"no model {body.get('model')}"}}, 404)
        return body

    def _continue(self, model: Any, prompt: list[int], body: dict[str, Any]) -> list[int]:
        made: list[int] = []
        for _ in range(body["max_tokens"]):
            with torch.inference_mode():
                made.append(int(model(torch.tensor([[*prompt, *made]])).logits[0, -1].argmax()))
            if made[-1] == self.tokenizer.eos_token_id:
                break
        return made

    def _logprobs(self, body: dict[str, Any], prompt: list[int], made: list[int], shown: list[int]) -> dict[str, Any]:
        ids = [*prompt, *made]
        with torch.inference_mode():
            scores = torch.log_softmax(self.models[body["model"]](torch.tensor([ids])).logits[0].double(), -1)
        first = len(ids) - len(shown)
        rows = [scores[i - 1] if i else None for i in range(first, len(ids))]
        tops = [None if row is None else self._top(row, body["logprobs"]) for row in rows]
        values = [None if row is None else float(row[token]) for row, token in zip(rows, shown, strict=True)]
        tokens = [self._text(token) for token in shown]
        offsets = [0, *itertools.accumulate(map(len, tokens))][:-1]
        return {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}

    def _top(self, row: torch.Tensor, count: int) -> dict[str, float]:
        values, ids = row.topk(min(count, len(row)))
        return {self._text(int(i)): float(v) for i, v in zip(ids, values, strict=True)}

    def _text(self, token: int) -> str:
        """A token's text, with parts of characters as OpenAI writes them."""
        piece = self.tokenizer.convert_ids_to_tokens(token)
        if token in self.tokenizer.all_special_ids:
            return piece
        raw = bytes(_BYTES[c] for c in piece)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)

    def _reason(self, made: list[int], body: dict[str, Any]) -> str:
        return "stop" if made[-1:] == [self.tokenizer.eos_token_id] else "length"

    def _usage(self, prompt: list[int], made: list[int]) -> dict[str, int]:
        return {"prompt_tokens": len(prompt), "completion_tokens": len(made), "total_tokens": len(prompt) + len(made)}


def _byte_letters() -> dict[str, int]:
    """The letters by which byte-level vocabularies write bytes (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTES = _byte_letters()
