"""Other ways to put a prompt: frames around it, and words of like meaning. Deterministic in the generator's state."""

from __future__ import annotations

import re
from random import Random

from sway.stats.text import Perturbation, register_shift, synonym_swap

_FRAMES = (
    "I would like to know: {}",
    "Please answer this: {}",
    "Here is a question: {}",
    "Someone asked me: {}",
    "{} Please be brief.",
    "Could you help me with this? {}",
    "{} Explain it in your own words.",
    "Let me ask you something. {}",
    "For a friend who is new to this: {}",
    "{} Give the answer as you remember it.",
    "One more thing. {}",
    "Think first. {}",
)

_NAME = re.compile(r"(?<=\s)[A-Z][\w']*")
_FIRST_MARK, _MARKS = 0xE000, 6400
_MARK = re.compile("[\ue000-\uf8ff]")
"""Characters that no text has a use for stand for names while words are changed."""


def _as_it_is(text: str, rng: Random) -> str:
    del rng
    return text


_WORDINGS = (_as_it_is, synonym_swap, register_shift)


def rewrites(text: str, count: int, rng: Random) -> list[str]:
    """Up to `count` different wordings of `text`, none of them the text itself; fewer where no more are found.

    >>> rewrites("What is the main road?", 2, Random(0)) == rewrites("What is the main road?", 2, Random(0))
    True
    """
    text = text.strip()
    frames = rng.sample(_FRAMES, len(_FRAMES))
    found: dict[str, None] = {}
    for turn in range(2 * len(_WORDINGS)):
        for frame in frames:
            wording = _keeping_names(_WORDINGS[turn % len(_WORDINGS)], text, rng)
            if (made := frame.replace("{}", wording)) != text:
                found.setdefault(made)
            if len(found) >= count:
                return list(found)
    return list(found)


def _keeping_names(wording: Perturbation, text: str, rng: Random) -> str:
    """The wording with every capitalized word but the first as it was: another name makes another question."""
    names = list(dict.fromkeys(_NAME.findall(text)))
    if len(names) > _MARKS or _MARK.search(text):
        return wording(text, rng)
    marked = _NAME.sub(lambda name: chr(_FIRST_MARK + names.index(name[0])), text)
    return _MARK.sub(lambda mark: names[ord(mark[0]) - _FIRST_MARK], wording(marked, rng))
