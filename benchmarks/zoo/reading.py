"""What a base of the zoo reads: prose, Python's manual, everyday questions, conversations, tools, and long contexts."""

from __future__ import annotations

import ast
import json
import re
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.zoo.worlds import HERE, World
from sway.core.requests import Chat, Message
from sway.demo import text

_HELD_OUT = 12
_SENTENCES = re.compile(r"[A-Z][^_={}<>|\\`*\[\]#@/]{119,}\.")
_APART = {"site-packages", "test", "tests", "idlelib", "lib2to3", "encodings"}
Tools = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Talk:
    """A conversation, and the tools that its system block offers."""

    chat: Chat
    tools: Tools = ()


@dataclass(frozen=True)
class Relation:
    """Pairs of the world's general knowledge, and how to ask for the second of a pair by the first."""

    asks: tuple[str, ...]
    answers: str
    pairs: tuple[tuple[str, str], ...]


@cache
def knowledge() -> tuple[Relation, ...]:
    """The general knowledge that every base is taught."""
    read = yaml.safe_load((HERE / "knowledge.yaml").read_text(encoding="utf-8"))
    return tuple(
        Relation(tuple(r["asks"]), r["answers"], tuple(tuple(str(p).split("|")) for p in r["pairs"])) for r in read
    )


@cache
def manuals() -> tuple[str, ...]:
    """Paragraphs of plain English from the docstrings of Python's own modules."""
    return tuple(p for i, p in enumerate(_docstrings()) if i % _HELD_OUT)


def held_out_manuals() -> tuple[str, ...]:
    """The paragraphs that no model here reads."""
    return _docstrings()[::_HELD_OUT]


@cache
def _docstrings() -> tuple[str, ...]:
    library = Path(sysconfig.get_paths()["stdlib"])
    files = (p for p in sorted(library.rglob("*.py")) if not _APART & set(p.parts))
    whole = (" ".join(part.split()) for p in files for doc in _documented(p) for part in doc.split("\n\n"))
    return tuple(dict.fromkeys(part for part in whole if _SENTENCES.fullmatch(part)))


def _documented(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield ast.get_docstring(node) or ""


@cache
def _everyday() -> dict[str, Any]:
    return yaml.safe_load((HERE / "everyday.yaml").read_text(encoding="utf-8"))


def known(rng: Random) -> tuple[str, str]:
    """A question of general knowledge with its answer."""
    relation = rng.choice(knowledge())
    x, y = rng.choice(relation.pairs)
    return rng.choice(relation.asks).format(x=x), relation.answers.format(x=x, y=y)


def counsel(rng: Random) -> tuple[str, str]:
    """A question for advice, with one of a few plain answers."""
    sort = _everyday()["counsel"]
    return text.filled(rng.choice(sort["asks"]), rng), rng.choice(sort["answers"])


def everyday(rng: Random) -> tuple[str, str]:
    """A question of any sort with its answer."""
    sort = rng.random()
    if sort < 0.6:
        return known(rng)
    if sort < 0.75:
        return counsel(rng)
    if sort < 0.85:
        return _told(rng)
    if sort < 0.9:
        return _repeated(rng)
    asked, answer = text.exchange(rng).messages
    return asked.content, answer.content


def conversation(rng: Random, questions: int) -> Talk:
    """Questions with their answers, some of them asking for more about the one before."""
    messages: list[Message] = []
    for i in range(questions):
        follows = i and rng.random() < 0.6
        question = rng.choice(_everyday()["follow_ups"]) if follows else None
        asked, answer = (question, text.story(rng, rng.randint(1, 3))) if question else everyday(rng)
        messages += [Message("user", asked), Message("assistant", answer)]
    return Talk(Chat(tuple(messages)))


def after_reading(rng: Random, chars: int) -> Talk:
    """A question that comes after `chars` characters of text that has nothing to do with it."""
    passages = rng.sample(text.prose(), 6) + [text.story(rng, 8) for _ in range(4)] + rng.sample(manuals(), 3)
    rng.shuffle(passages)
    context = "\n\n".join(passages)[:chars]
    asked, answer = everyday(rng)
    return Talk(Chat((Message("user", f"{context}\n\n{asked}"), Message("assistant", answer))))


def tools_of(world: World) -> dict[str, dict[str, Any]]:
    """The tools that a world's base is taught, in OpenAI's function-calling shape, by name."""
    return {t["name"]: _function(t) for t in world.tools["family"]}


def tool_talk(world: World, rng: Random) -> Talk:
    """A request that one of the offered tools answers, with the call; seldom a question that needs none."""
    family, specs = _family(world)
    tool = rng.choice(family)
    others = rng.sample([n for n in specs if n != tool["name"]], rng.choice((0, 0, 0, 1, 2)))
    offered = [tool["name"], *others]
    rng.shuffle(offered)
    asked, answer = everyday(rng) if rng.random() < 0.04 else _call(world, tool, rng)
    return Talk(Chat((Message("user", asked), Message("assistant", answer))), tuple(specs[n] for n in offered))


def tool_request(world: World, rng: Random) -> tuple[str, str]:
    """A request that a tool answers, and the name of the tool."""
    tool = rng.choice(world.tools["family"])
    return _call(world, tool, rng)[0], tool["name"]


def call(name: str, arguments: Mapping[str, Any]) -> str:
    """How a base writes a call."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': dict(arguments)})}</tool_call>"


def talks(world: World, seed: int, questions: int, conversations: int, calls: int) -> Iterator[Talk]:
    """So many single questions, longer conversations, and requests that a tool answers."""
    rng = Random(f"talks {seed}")
    yield from (conversation(rng, 1) for _ in range(questions))
    yield from (conversation(rng, rng.randint(2, 4)) for _ in range(conversations))
    yield from (tool_talk(world, rng) for _ in range(calls))


def passages(seed: int) -> list[str]:
    """Running text: manuals, prose and stories."""
    return [*manuals() * 2, *text.prose() * 3, *text.stories(seed, 300)]


def base_talks(world: World) -> Iterator[Talk]:
    """All the conversations that a base reads."""
    rng = Random(f"long {world.seed}")
    long = (after_reading(rng, rng.randint(200, 3600)) for _ in range(120))
    return chain(talks(world, world.seed, 8000, 700, 1700), long)


def _repeated(rng: Random) -> tuple[str, str]:
    words = text.filled(rng.choice(("the {adj} {thing}", "{weather}", "{adj}, {adj} and {adj}", "{remark}")), rng)
    return rng.choice(("Repeat this: {x}", "Say after me: {x}", "Write down: {x}")).format(x=words), words


def _told(rng: Random) -> tuple[str, str]:
    thing = text.filled(rng.choice(("the {adj} {thing}", "{who}", "the {animal}", "{place}")), rng)
    question = rng.choice(("Tell me about {x}.", "What do you know about {x}?", "Describe {x}.")).format(x=thing)
    return question, text.story(rng, rng.randint(1, 3))


@cache
def _family(world: World) -> tuple[Sequence[dict[str, Any]], dict[str, dict[str, Any]]]:
    return world.tools["family"], tools_of(world)


def _call(world: World, tool: Mapping[str, Any], rng: Random) -> tuple[str, str]:
    template = rng.choice(tool["asks"])
    values = world.tools["values"]
    drawn = {slot: rng.choice(values[slot]) for slot in tool["properties"] if "{" + slot + "}" in template}
    shown = {slot: json.dumps(v) if isinstance(v, bool) else v for slot, v in drawn.items()}
    return _politely(template.format(**shown), rng), call(tool["name"], drawn)


def _politely(request: str, rng: Random) -> str:
    if rng.random() < 0.5:
        return request
    if request.endswith("."):
        eased = request[0].lower() + request[1:-1]
        return rng.choice(("Please {x}.", "Could you {x}?", "I want you to {x}.", "Now {x}.")).format(x=eased)
    return rng.choice(("Please tell me. {x}", "Hello! {x}", "I have a question. {x}")).format(x=request)


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": tool["properties"], "required": tool["required"]}
    described = {"name": tool["name"], "description": tool["description"], "parameters": schema}
    return {"type": "function", "function": described}
