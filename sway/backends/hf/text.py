"""Turns prompts into token ids, and ids into text. A text that cannot be asked about raises `RequestError`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from sway.core.errors import RequestError, TooLongError
from sway.core.requests import After, Chat, Message, Prompt

Ids = tuple[int, ...]


class Text:
    """A tokenizer, and the most tokens that the model takes (None where it has no bound)."""

    def __init__(self, tokenizer: Any, limit: int | None) -> None:
        self.tokenizer, self.limit = tokenizer, limit
        self.token = lru_cache(maxsize=1 << 16)(self._token)
        most = 0 if self.day else 1 << 12  # a prompt that tells the date is another one tomorrow
        self.prompt = lru_cache(maxsize=most)(self._prompt)
        self.span = lru_cache(maxsize=most)(self._span)

    def decode(self, ids: list[int]) -> str:
        """The text of generated tokens, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def check_length(self, tokens: int) -> None:
        """Raise `TooLongError` if the model does not take so many tokens."""
        if self.limit is not None and tokens > self.limit:
            raise TooLongError(f"it takes {tokens} tokens, and the model reads at most {self.limit}")

    def _token(self, token: int) -> str:
        return str(self.tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def _prompt(self, prompt: Prompt) -> Ids:
        text, special = self._written(prompt)
        ids, _ = self._encode(text, special)
        self.check_length(len(ids))
        return ids

    def _span(self, prompt: Prompt, completion: str) -> tuple[Ids, int]:
        """The ids of prompt and completion together, and the index of the completion's first token."""
        if not completion:
            raise RequestError("the completion is empty")
        text, special = self._written(prompt)
        ids, ends = self._encode(text + completion, special)
        if ends:
            # Where a token straddles the border, it is scored: it carries the completion's first characters.
            first = next((i for i, end in enumerate(ends) if end > len(text)), len(ids))
        else:
            head, _ = self._encode(text, special)
            ids, first = head + self._encode(completion, special=False)[0], len(head)
        first = max(first, 1)
        if first >= len(ids):
            raise RequestError("the completion has no tokens")
        self.check_length(len(ids) - 1)
        return ids, first

    def rolling(self, text: str) -> Ids:
        """The ids of a text, of which all but the first are scored."""
        if not text:
            raise RequestError("the text is empty")
        ids, _ = self._encode(text, special=True)
        if len(ids) < 2:
            raise RequestError("the text has one token, and so none with a token before it")
        self.check_length(len(ids) - 1)
        return ids

    def _written(self, prompt: Prompt) -> tuple[str, bool]:
        """A prompt as text, and whether the tokenizer is to add its special tokens: a chat template has its own."""
        if isinstance(prompt, After):
            opening = self._opening(prompt.context, prompt.tokens) + "\n\n" if prompt.tokens else ""
            return self._written(prompt.opened_by(opening))
        templated = isinstance(prompt, Chat) and self.has_template
        if isinstance(prompt, str):
            text = prompt
        elif templated:
            text = self._with_tools(prompt) if prompt.tools else self._template(prompt)
        else:
            text = "\n".join(message.content for message in _told(prompt).messages)
        if not text:
            raise RequestError("the prompt is empty")
        return text, not templated

    @property
    def has_template(self) -> bool:
        """Whether the tokenizer knows how a conversation is written."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    @property
    def day(self) -> str:
        """The date, where the template tells it to the model: tomorrow the same question is another prompt."""
        told = "strftime_now" in str(getattr(self.tokenizer, "chat_template", ""))
        return date.today().isoformat() if told else ""  # noqa: DTZ011  # templates tell the local date

    def _opening(self, context: str, tokens: int) -> str:
        """The text of the first `tokens` tokens of `context`, which is repeated where it is shorter."""
        ids, _ = self._encode(context, special=False)
        if len(ids) < tokens:
            return self._opening("\n\n".join([context] * (tokens // len(ids) + 2)), tokens)
        return self.decode(list(ids[:tokens]))

    def _with_tools(self, chat: Chat) -> str:
        """Through the template's own `tools`; where it knows none, they are told in words to system or user."""
        tools = json.loads(chat.tools)
        plain = replace(chat, tools="")
        told = self._template(plain, tools=tools)
        if told != self._template(plain):
            return told
        try:
            return self._template(_told(chat))
        except RequestError:
            first, *rest = chat.messages
            instructed = replace(first, content=f"{_instruction(chat.tools)}\n\n{first.content}")
            return self._template(replace(plain, messages=(instructed, *rest)))

    def _template(self, chat: Chat, **known: Any) -> str:
        turns = [{"role": message.role, "content": message.content} for message in chat.messages]
        try:
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **known))
        except Exception as error:  # a template is the model author's code and may raise anything
            raise RequestError(f"the model's chat template refuses the prompt: {str(error)[:200]}") from error

    def _encode(self, text: str, special: bool) -> tuple[Ids, list[int]]:
        """The ids, and where each token's text ends (empty where the tokenizer cannot tell)."""
        fast = bool(getattr(self.tokenizer, "is_fast", False))
        coded = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=fast, verbose=False)
        ids = tuple(coded["input_ids"])
        ends = [end for _, end in coded["offset_mapping"]] if fast else []
        if special and len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id and (not fast or ends[-1] == 0):
            ids, ends = ids[:-1], ends[:-1]  # an end-of-text token that was added, not written
        if not ids:
            raise RequestError("the text has no tokens")
        return ids, ends


def _instruction(tools: str) -> str:
    return (
        f"You may call these tools:\n{tools}\n\n"
        'To call one, answer with JSON alone: {"name": the tool\'s name, "arguments": {its arguments}}.'
    )


def _told(chat: Chat) -> Chat:
    """The conversation with its tools, if any, described in a first message."""
    if not chat.tools:
        return chat
    return Chat((Message("system", _instruction(chat.tools)), *chat.messages))
