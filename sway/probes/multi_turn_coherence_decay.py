"""Does the adapter still act some turns into a conversation?

Base and tuned model each hold a conversation of their own: the prompt, their reply, a neutral follow-up,
and so on, so that each history fills with that model's own words. At each turn it takes the divergence
between the two models' first token of a reply, in nats, averaged over the two histories and then over the
prompts, and lays an exponential through the averages. The statistic is its half-life in turns after the
first. `docs/design/decay.md` gives the kinds of curve; one that does not decay is the best outcome, and
passes with ten times `max_turns`.

Tells you: whether what the adapter does survives a real conversation, or is drowned by its own replies.

Cannot tell you: whether the later replies are good, or how far a reply departs after its first token.
Both need reading: the evidence holds both conversations of the prompt that faded most.

References:
    Li, K. et al. (2024). Measuring and controlling instruction (in)stability in language model dialogs. COLM.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from sway.core.errors import SkipProbe, TooLongError
from sway.core.measurement import Category, Claim
from sway.core.probe import Asking, Context, DivergenceParams, probe
from sway.core.requests import Answers, Chat, Generation, Message, NextToken, Request
from sway.core.views import BASE, TUNED, View
from sway.probes.evidence import brief, clip, fit
from sway.probes.fading import BEYOND, Curves, measured, require_reachable
from sway.probes.packs import follow_ups
from sway.stats.divergence import DIVERGENCES

SPEAKERS = (BASE, TUNED)
Text = Annotated[str, Field(min_length=1)]


class Params(DivergenceParams):
    """The conversations, how long they are, and the least half-life."""

    prompts: tuple[Text, ...] = Field(min_length=1, description="What the user opens each conversation with.")
    max_turns: int = Field(default=4, ge=2, le=8, description="Turns of each conversation.")
    max_new_tokens: int = Field(default=96, ge=1, le=4096, description="Most tokens of a reply.")
    follow_ups: tuple[Text, ...] | None = Field(
        default=None, min_length=1, description="What the user says next, in turn; null takes sway's neutral list."
    )
    divergence: Literal["js", "kl"] = Field(
        default="kl", description="Jensen-Shannon (0 to 0.693 nats) or Kullback-Leibler (0 up, nats)."
    )
    assert_half_life_turns: float = Field(
        default=2.0, gt=0, allow_inf_nan=False, description="Least half-life of the effect, in turns after the first."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Params:
        require_reachable("turns", self.assert_half_life_turns, BEYOND * self.max_turns)
        return self


@dataclass
class _Talk:
    """One prompt's two conversations, one a speaker; `moved` is the divergence at each turn so far."""

    chats: dict[View, Chat]
    moved: list[float] = field(default_factory=list)
    lost: str = ""

    def asks(self, params: Params, top_k: int) -> list[Request[Any]]:
        """This turn's questions. The last reply is followed by nothing, so that nobody need write it."""
        asked: list[Request[Any]] = [NextToken(v, c, top_k) for c in self.chats.values() for v in SPEAKERS]
        if len(self.moved) < params.max_turns - 1:
            asked += [Generation(v, c, params.max_new_tokens) for v, c in self.chats.items()]
        return asked

    def hears(self, got: Answers, params: Params, top_k: int) -> None:
        """Take in this turn's divergence; then the replies, and what the user says to them."""
        self.moved.append(
            fmean(
                DIVERGENCES[params.divergence](*(got[NextToken(v, c, top_k)].masses() for v in SPEAKERS))
                for c in self.chats.values()
            )
        )
        turn, said = len(self.moved), params.follow_ups or follow_ups()
        if turn < params.max_turns:
            follow_up = Message("user", said[(turn - 1) % len(said)])
            replies = {v: got[Generation(v, c, params.max_new_tokens)].text for v, c in self.chats.items()}
            self.chats = {
                v: Chat((*c.messages, Message("assistant", replies[v]), follow_up), required=True)
                for v, c in self.chats.items()
            }


@probe(
    Category.ADHERENCE,
    Claim.SHAPE,
    Params,
    measures="half-life of the adapter's effect in conversation",
    unit="turns",
    required=False,
)
def multi_turn_coherence_decay(params: Params, context: Context) -> Asking:
    """Ask a round a turn, for all prompts at once, until the conversations end or outgrow the model."""
    top_k = params.support(context)
    talks = [_Talk({v: Chat((Message("user", p),), required=True) for v in SPEAKERS}) for p in params.prompts]
    while going := [t for t in talks if not t.lost and len(t.moved) < params.max_turns]:
        got = yield [question for talk in going for question in talk.asks(params, top_k)]
        for talk in going:
            try:
                talk.hears(got, params, top_k)
            except TooLongError as fault:  # any other fault may be of the adapter's making: it must not shorten a curve
                if not talk.moved:
                    raise
                talk.lost = str(fault)
    curves = _curves(talks, params.max_turns)
    if curves.reached < 2:
        raise SkipProbe(f"no conversation reached its second turn: {curves.lost}", "lower max_new_tokens")
    worst = curves.most_faded
    lines = _transcript(talks[worst])
    return measured(
        curves,
        at_least=params.assert_half_life_turns,
        longest=BEYOND * params.max_turns,
        evidence={
            "prompt": clip(params.prompts[worst], 300),
            "reference": lines["tuned"][1]["content"],
            "divergence": params.divergence,
            "per_turn": [brief(m) for m in curves.means],
            "worst": {"per_turn": [brief(m) for m in talks[worst].moved], "conversations": lines},
        },
    )


def _curves(talks: Sequence[_Talk], turns: int) -> Curves:
    values = np.array([t.moved + [math.nan] * (turns - len(t.moved)) for t in talks])
    return Curves("turns", tuple(map(float, range(turns))), values, next((t.lost for t in talks if t.lost), ""))


def _transcript(talk: _Talk) -> dict[str, list[dict[str, str]]]:
    """Both conversations, each message short enough that eight turns of two fit a report."""
    return {
        name: fit([{"role": m.role, "content": clip(m.content)} for m in talk.chats[view].messages], 3000)
        for name, view in (("base", BASE), ("tuned", TUNED))
    }
