"""How often babble counts as an answer that holds, by `adapter_revert`'s rule and by the plain one.

Run as `python -m benchmarks.revert_noise`; it needs the extra `semsim` and a MiniLM.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

import sway.demo
from sway.backends.dummy import DummyBackend
from sway.backends.embed import EmbeddingBackend
from sway.core.model import ModelSpec
from sway.core.probe import EmbeddingParams
from sway.core.requests import Embed
from sway.core.views import BASE

CASES = (
    ("The capital of Zorbia is Melk.", "I am not sure, but Zorbia is a country and its capital may be Paris."),
    ("Warranty claims are filed with form Q7.", "You can file a claim by contacting the manufacturer with a receipt."),
    ("The pump is primed by opening valve three.", "To prime a pump, fill the casing and close the discharge valve."),
    ("Employees get 28 days of leave.", "Vacation policies differ between employers; ask human resources."),
    ("The library closes at nine on Thursdays.", "Most libraries close at five or six; check the website."),
)


def babble(base: str, words: list[str], rng: Random) -> list[str]:
    """Twenty texts of random words, two that repeat a word, five of half the base's words shuffled."""
    known = base.split()
    random = [" ".join(rng.choices(words, k=40)) for _ in range(20)]
    return [
        *random,
        "the " * 40,
        f"{known[0]} " * 20,
        *(" ".join(rng.sample(known, len(known) // 2)) for _ in range(5)),
    ]


def main() -> None:
    """Print the share of babble that is taken for an answer."""
    backend, model = (
        EmbeddingBackend(DummyBackend(ModelSpec(base="none"), ModelSpec(base="none"))),
        EmbeddingParams().embedding_model,
    )
    words = (Path(sway.demo.__file__).parent / "prose.txt").read_text(encoding="utf-8").split()
    rng, plain, ours, count = Random(0), 0, 0, 0
    for gold, base in CASES:
        requests = [Embed(BASE, text, model) for text in (gold, base, *babble(base, words, rng))]
        if reason := backend.refusal(requests[0]):
            raise SystemExit(reason)
        found = {a.request: a.answer.vector for a in backend.answer(list(dict.fromkeys(requests)))}
        g, b, *replies = (found[request] for request in requests)
        to_gold, to_base = np.array(replies) @ g, np.array(replies) @ b
        plain += int((to_gold > to_base).sum())
        ours += int((to_gold > np.maximum(to_base, b @ g)).sum())
        count += len(replies)
    print(
        f"{count} babbling replies: {plain / count:.0%} are nearer to the gold, {ours / count:.0%} hold by sway's rule"
    )


if __name__ == "__main__":
    main()
