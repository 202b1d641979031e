"""From the tokens and log-probabilities that a server lists to answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from sway.backends.api.wire import Completion
from sway.core.errors import RequestError
from sway.core.requests import FloatArray, SpanScore, TokenDist
from sway.stats.completion import least_divergent

_BYTES = re.compile(rb"\\x([0-9a-fA-F]{2})")
_LONGEST_START = 64
"""Bytes that special tokens before a text may have."""
_TIE = 1e-6


def listed(completion: Completion) -> dict[str, float]:
    """The likeliest next tokens that a server lists, with their log-probabilities; empty if it lists none."""
    logprobs = completion.choices[0].logprobs
    tops = logprobs.top_logprobs if logprobs else None
    return dict(tops[-1] or {}) if tops else {}


def next_token(base: Mapping[str, float], tuned: Mapping[str, float] | None, top_k: int) -> TokenDist:
    """A next-token answer on the base's `top_k` listed tokens: the base's own, or the tuned model's.

    What is not listed is in the other bucket. A token that the base lists and the tuned model does not is no
    likelier there than the least that is listed; within that, the answer is the one least divergent from the base,
    so that no divergence is exaggerated.
    """
    support = sorted(base, key=lambda token: (-base[token], token))[:top_k]
    if not support:
        raise RequestError("the server lists no likeliest tokens for this prompt")
    p = np.exp([base[token] for token in support])
    p_other = max(0.0, 1.0 - float(p.sum()))
    shown = base if tuned is None else tuned
    q, q_other = (p, p_other) if tuned is None else _on_support(support, p, p_other, tuned)
    with np.errstate(divide="ignore"):
        logprobs, other = np.log(q), float(np.log(q_other))
    likeliest = sorted(shown.items(), key=lambda item: (-item[1], item[0]))[:5]
    top = tuple((_bytes(token).decode("utf-8", "replace"), logprob) for token, logprob in likeliest)
    return TokenDist(np.array([_id(token) for token in support]), logprobs, other, top)


def _on_support(
    support: Sequence[str], p: FloatArray, p_other: float, tuned: Mapping[str, float]
) -> tuple[FloatArray, float]:
    known = np.array([token in tuned for token in support])
    q = np.array([np.exp(tuned[token]) if token in tuned else 0.0 for token in support])
    elsewhere = float(sum(np.exp(lp) for token, lp in tuned.items() if token not in set(support)))
    most = float(np.exp(min(tuned.values()))) if tuned else 1.0
    rest = max(0.0, 1.0 - float(q.sum()))
    q[~known], q_other = least_divergent(p[~known], p_other, rest, most=most, least_other=min(elsewhere, rest))
    return q, q_other


def _id(token: str) -> int:
    return int.from_bytes(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()[:7], "little")


def span(completion: Completion, prompt: str, text: str) -> SpanScore:
    """How the server scores `text` after `prompt`, from its echo of both together.

    Where a token straddles the border it is scored: it carries the first characters of `text`. Which tokens are the
    likeliest is known only where the server lists what else could stand in the place of each.

    Raises:
        RequestError: there is no echo, its lists differ in length, or its tokens do not spell what was asked.
    """
    lists = completion.choices[0].logprobs
    if lists is None or not lists.tokens or len(lists.tokens) != len(lists.token_logprobs):
        raise RequestError("the server does not score given text")
    if lists.top_logprobs and len(lists.top_logprobs) != len(lists.tokens):
        raise RequestError("the server's likeliest tokens are not one list a token")
    count = _prompt_tokens(completion, len(lists.tokens))
    pieces = [_bytes(token) for token in lists.tokens[:count]]
    whole = (prompt + text).encode("utf-8", "surrogatepass")
    start = sum(map(len, pieces)) - len(whole)
    if not 0 <= start <= _LONGEST_START or b"".join(pieces)[start:] != whole:
        raise RequestError("the server's tokens do not spell the text, so that they cannot be told apart")
    border = start + len(prompt.encode("utf-8", "surrogatepass"))
    ends = np.cumsum([len(piece) for piece in pieces])
    scored = [i for i in range(1, count) if ends[i] > border and lists.token_logprobs[i] is not None]
    if not scored:
        raise RequestError("the completion has no tokens that are scored")
    values = np.array([lists.token_logprobs[i] for i in scored], dtype=np.float64)
    tops = [lists.top_logprobs[i] for i in scored] if lists.top_logprobs else []
    best = [max(top.values()) for top in tops if top]
    return SpanScore(values, values >= np.array(best) - _TIE if len(best) == len(scored) else None)


def _prompt_tokens(completion: Completion, listed: int) -> int:
    """How many of the listed tokens are the prompt's: all but the generated ones."""
    usage = completion.usage
    if usage and usage.prompt_tokens and usage.prompt_tokens <= listed:
        return usage.prompt_tokens
    return max(1, listed - (usage.completion_tokens or 1 if usage else 1))


def _bytes(token: str) -> bytes:
    r"""The bytes of a token as servers write it: text, or `bytes:\xe2\x80` for parts of characters.

    >>> _bytes("a"), _bytes("bytes:\\xe2\\x80")
    (b'a', b'\xe2\x80')
    """
    raw = token.encode("utf-8", "surrogatepass")
    if not raw.startswith(b"bytes:\\x"):
        return raw
    return _BYTES.sub(lambda found: bytes([int(found[1], 16)]), raw.removeprefix(b"bytes:"))
