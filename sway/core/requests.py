"""The questions a probe may ask, and the answers that a backend gives.

A request is a value: two equal requests have one answer, whoever asks. Log-probabilities are
natural logarithms (nats) throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sway.core.errors import RequestError, TooLongError
from sway.core.views import NullDraw, View

FloatArray = NDArray[np.float64]
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A prompt that the tokenizer's chat template turns into text, up to the assistant's next word.

    A tokenizer without a template gets the contents, one a line, unless the template is `required`: then
    the question is refused. `tools` is the JSON text of a list of OpenAI-style tools that the assistant may call.
    """

    messages: tuple[Message, ...]
    tools: str = ""
    required: bool = False

    @classmethod
    def ask(cls, question: str) -> Self:
        """A conversation of one user turn."""
        return cls((Message("user", question),))


@dataclass(frozen=True, slots=True)
class After:
    """`prompt` after the first `tokens` tokens of `context`, with a blank line between the two.

    Before a chat the text stands in its first turn of the user.
    """

    context: str
    tokens: int
    prompt: str | Chat

    def opened_by(self, opening: str) -> str | Chat:
        """The prompt with `opening`, the text made of the context, before it or before its first user's turn."""
        if isinstance(self.prompt, str):
            return opening + self.prompt
        turns = list(self.prompt.messages)
        first = next((i for i, turn in enumerate(turns) if turn.role == "user"), 0)
        turns[first] = replace(turns[first], content=opening + turns[first].content)
        return replace(self.prompt, messages=tuple(turns))


Prompt = str | Chat | After


@dataclass(frozen=True)
class Request(Generic[A_co]):
    """A question about one view. The type parameter names the type of its answer."""

    view: View

    def under(self, draw: NullDraw) -> Self:
        """The same question to a null adapter in place of the trained one."""
        return replace(self, view=self.view.under(draw))


@dataclass(frozen=True)
class TokenDist:
    """A next-token distribution on a support of k tokens and one bucket for all the others.

    `ids` (k,) are the k tokens that the *base* model finds likeliest after the prompt, for every
    view, so that two views of one prompt share their support. `logprobs` (k,) are this view's;
    `other` is the log-probability of everything else. `top` lists this view's own likeliest tokens
    as (text, logprob), likeliest first, for people to read.
    """

    ids: NDArray[np.int64]
    logprobs: FloatArray
    other: float
    top: tuple[tuple[str, float], ...]

    def masses(self) -> FloatArray:
        """Probabilities (k + 1,), the last being the other bucket; sums to 1."""
        mass = np.exp(np.append(self.logprobs, self.other))
        return np.asarray(mass / mass.sum(), dtype=np.float64)


@dataclass(frozen=True)
class NextToken(Request[TokenDist]):
    """The distribution of the token that follows `prompt`, on the base's `top_k` likeliest tokens."""

    prompt: Prompt
    top_k: int = 256


@dataclass(frozen=True)
class SpanScore:
    """How a view scores given text: `logprobs` (n,) nats a token; `argmax` (n,) whether the token is the likeliest.

    `argmax` is None where the backend cannot tell. Read it as `greedy`, which is never a guess.
    """

    logprobs: FloatArray
    argmax: NDArray[np.bool_] | None

    @property
    def greedy(self) -> NDArray[np.bool_]:
        """Whether greedy decoding would take the token (n,). Raises `RequestError` where that is not known."""
        if self.argmax is None:
            raise RequestError("which tokens are the likeliest is not known of text that is scored here (use kind hf)")
        return self.argmax

    @property
    def tokens(self) -> int:
        """How many tokens were scored."""
        return len(self.logprobs)

    @property
    def mean(self) -> float:
        """Nats a token."""
        return float(self.logprobs.mean())


@dataclass(frozen=True)
class SpanLogprob(Request[SpanScore]):
    """The log-probability of every token of `completion` after `prompt`."""

    prompt: Prompt
    completion: str


@dataclass(frozen=True)
class RollingLogprob(Request[SpanScore]):
    """The log-probability of every token of `text` that has a token before it."""

    text: str


@dataclass(frozen=True)
class Generated:
    """A continuation: its text, how many tokens it took, and whether it ended before the limit."""

    text: str
    tokens: int
    finished: bool


@dataclass(frozen=True)
class Generation(Request[Generated]):
    """A continuation of `prompt`: greedy at temperature 0, else sampled with a stream seeded by `seed`."""

    prompt: Prompt
    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Embedding:
    """A text's place in meaning: `vector` (d,) of length 1."""

    vector: FloatArray


@dataclass(frozen=True)
class Embed(Request[Embedding]):
    """The embedding of `text` by a sentence `model`: a name or a folder. No view changes it, so ask it of the base."""

    text: str
    model: str


Answer = TokenDist | SpanScore | Generated | Embedding


@dataclass(frozen=True)
class Failure:
    """Why one request has no answer. `too_long`: it takes more tokens than the model reads, the only fault it has."""

    reason: str
    too_long: bool = False

    @classmethod
    def of(cls, fault: RequestError) -> Self:
        """The failure that a fault amounts to."""
        return cls(str(fault), isinstance(fault, TooLongError))

    @property
    def fault(self) -> RequestError:
        """The fault again, for whoever asked."""
        return TooLongError(self.reason) if self.too_long else RequestError(self.reason)


@dataclass(frozen=True)
class Answers:
    """The answers to one round of a probe's questions, looked up by the question itself."""

    found: Mapping[Request[object], Answer | Failure]
    draw: NullDraw | None = field(default=None)

    def __getitem__(self, request: Request[A_co]) -> A_co:
        """The answer.

        Raises:
            TooLongError: the question takes more tokens than the model reads.
            RequestError: it could not be answered for another reason.
        """
        asked = request.under(self.draw) if self.draw else request
        answer = self.found[asked]
        if isinstance(answer, Failure):
            raise answer.fault
        return answer  # type: ignore[return-value]  # a backend answers each request with its own type

    def all(self, requests: Sequence[Request[A_co]]) -> Iterator[A_co]:
        """The answers to several requests, in their order."""
        return (self[r] for r in requests)
