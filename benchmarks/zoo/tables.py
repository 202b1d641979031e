"""The tables of docs/statistics.md, from the answers of benchmarks.verdicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from math import sqrt
from typing import Any

from benchmarks.zoo.builders import COURSES
from benchmarks.zoo.criteria import faults
from benchmarks.zoo.gating import Gated, read
from benchmarks.zoo.labels import ANIMALS, STOPS, Animal
from benchmarks.zoo.oracle import Measured
from benchmarks.zoo.worlds import WORLDS

Answers = Mapping[str, Any]
MARKED = re.compile(r"(<!-- measured: make bench-verdicts -->\n).*?(<!-- /measured -->)", re.DOTALL)
LEVELS = ((0.05, 19), (0.01, 99))
SHOWN = ("healthy", "noise", "memoriser", "wrong", "style_only", "forgetter", "tool_breaker", "reciter")
LEARNS = ("section_internalization", "paraphrase_invariance", "preference_flip")


def filled(page: str, tables: str) -> str:
    """The page with the tables between its marks."""
    return MARKED.sub(lambda found: f"{found[1]}{tables}{found[2]}", page)


def page(answers: Answers, worlds: Sequence[str]) -> str:
    """Every table for which there are answers."""
    parts = [part(answers, world) for world in worlds for part in (confusion, oracle, ranges, steps)]
    return "\n".join(part for part in [*parts, noise(answers, worlds)] if part)


def line(world: str, part: str, what: str, found: Any) -> str:
    """One answer as it arrives."""
    if part == "oracle":
        numbers = " ".join(f"{k} {v:.2f}" for k, v in found.items())
        return f"{world} oracle {what or 'base':18} {numbers}"
    gate = read(found)
    if part == "noise":
        return f"{world} noise {what}: exit {gate.exit}, p {[row.p for row in gate.rows.values()]}"
    said = "" if part == "steps" else _miss(ANIMALS[what], gate)
    failed, spare = _stopped(gate), gate.named("fail", "error", required=False)
    return f"{world} {part} {what:18} exit {gate.exit} by {failed} warned {gate.named('warn')} optional {spare} {said}"


def of(answers: Answers, world: str, part: str) -> dict[str, Any]:
    """The answers of one part, by what was asked."""
    start = f"{world}/{part}/"
    return {key.removeprefix(start): value for key, value in answers.items() if key.startswith(start)}


def confusion(answers: Answers, world: str) -> str:
    """What the gate said of each adapter, beside its label."""
    found = {name: read(value) for name, value in of(answers, world, "confusion").items() if name in ANIMALS}
    if not found:
        return ""
    missed = {name: said for name, gate in found.items() if (said := _miss(ANIMALS[name], gate))}
    return "\n".join(
        [
            *_title(world, "one spec over the whole zoo"),
            *_counts(found),
            "",
            f"{len(found) - len(missed)} of {len(found)} are judged as labelled and for the reason of the label.",
            *(f"- **{name}** ({ANIMALS[name].why}): {said}" for name, said in missed.items()),
            *_unconfirmed(answers, world, found),
            *_unasked(found),
            "",
            "| adapter | what it is | label | gate | stopped by | failed, without deciding |",
            "|---|---|---|---|---|---|",
            *(_row(name, ANIMALS[name], gate) for name, gate in found.items()),
            "",
        ]
    )


def _row(name: str, animal: Animal, gate: Gated) -> str:
    stopped, spare = (", ".join(x) for x in (_stopped(gate), gate.named("fail", "error", required=False)))
    return f"| {name} | {animal.why} | {animal.label} | {gate.exit} | {stopped} | {spare} |"


def _counts(found: Mapping[str, Gated]) -> Iterator[str]:
    counts = Counter((str(ANIMALS[name].label), str(gate.exit)) for name, gate in found.items())
    codes = "0123"
    yield "| label | " + " | ".join(f"gate says {code}" for code in codes) + " |"
    yield "|---" * 5 + "|"
    for label in codes:
        yield f"| {label} | " + " | ".join(str(counts[label, said]) for said in codes) + " |"


def _unconfirmed(answers: Answers, world: str, gates: Mapping[str, Gated]) -> Iterator[str]:
    """Of which of the gated adapters the label is not borne out, or was not looked at."""
    asked = {name: Measured(**value) for name, value in of(answers, world, "oracle").items()}
    yield ""
    for name, found in asked.items():
        if name in gates and (said := faults(ANIMALS[name].sort, asked[""], found)):
            yield f"The oracle does not bear out the label of **{name}**: {'; '.join(said)}."
    if left := [name for name in gates if name not in asked and ANIMALS[name].sort != "files"]:
        yield f"The oracle was not asked about {', '.join(left)}."


def _unasked(found: Mapping[str, Gated]) -> Iterator[str]:
    if left := [name for name in ANIMALS if name not in found]:
        yield ""
        yield f"Not gated in this run: {', '.join(left)}."


def _miss(animal: Animal, gate: Gated) -> str:
    """How a verdict is not the label's, or nothing."""
    stopped = _stopped(gate)
    if str(gate.exit) != animal.label:
        return f"exit {gate.exit} and not {animal.label}; {', '.join(stopped) or 'nothing stopped it'}"
    passed = [name for name in animal.by if name not in stopped]
    return f"stopped, but not by {', '.join(passed)}" if passed else ""


def _stopped(gate: Gated) -> list[str]:
    return gate.named("fail", "error", "skip")


def oracle(answers: Answers, world: str) -> str:
    """What each adapter does, and whether its label holds."""
    found = {name: Measured(**value) for name, value in of(answers, world, "oracle").items()}
    if "" not in found:
        return ""
    names = [field.name for field in fields(Measured)]
    rows = [f"| {' | '.join(('adapter', *names, 'label'))} |", "|---" * (len(names) + 2) + "|"]
    for name, measured in found.items():
        said = faults(ANIMALS[name].sort if name else "base", found[""], measured)
        cells = (f"{value:.2f}" for value in asdict(measured).values())
        rows.append(f"| {' | '.join((name or '(the base)', *cells, '; '.join(said) or 'holds'))} |")
    return "\n".join([*_title(world, "what the oracle finds"), *rows, ""])


def ranges(answers: Answers, world: str) -> str:
    """Between what numbers each probe's statistic lies, for each sort of adapter."""
    found = {name: read(value) for name, value in of(answers, world, "confusion").items() if name in ANIMALS}
    kinds = [name for name, row in found["healthy"].rows.items() if row.raw is not None] if "healthy" in found else []
    sorts = {s: [gate for name, gate in found.items() if ANIMALS[name].sort == s] for s in SHOWN}
    sorts = {s: gates for s, gates in sorts.items() if gates}
    rows = [f"| {' | '.join(('probe', *sorts))} |", "|---" * (len(sorts) + 1) + "|"]
    for kind in kinds:
        alike = [[gate.rows[kind] for gate in gates if kind in gate.rows] for gates in sorts.values()]
        rows.append(f"| {' | '.join((kind, *(_between(row.raw for row in same) for same in alike)))} |")
        if any(row.ratio is not None for same in alike for row in same):
            rows.append(f"| its ratio | {' | '.join(_between(row.ratio for row in same) for same in alike)} |")
    return "\n".join([*_title(world, "between what numbers the probes' statistics lie"), *rows, ""]) if kinds else ""


def _between(numbers: Iterable[float | None]) -> str:
    values = sorted({f"{number:.3g}" for number in numbers if number is not None}, key=float)
    return " to ".join(dict.fromkeys((values[0], values[-1]))) if values else ""


def steps(answers: Answers, world: str) -> str:
    """When a gate begins to notice the healthy adapter's training, and when it lets it pass."""
    found = {int(k): read(v) for k, v in of(answers, world, "steps").items() if int(k) in STOPS}
    whole = COURSES[WORLDS[world].family][0]
    others = {name: read(v) for name, v in of(answers, world, "confusion").items()}
    found |= {
        n: others[name] for name, n in (("one_step", 1), ("three_steps", 3), ("healthy", whole)) if name in others
    }
    if len(found) < 2:
        return ""
    rows = ["| steps | gate | " + " | ".join(("delta_kl", *LEARNS)) + " | stopped by |", "|---" * 7 + "|"]
    for count, gate in sorted(found.items()):
        cells = (_seen(gate, name) for name in ("delta_kl", *LEARNS))
        rows.append(f"| {count} | {gate.exit} | {' | '.join(cells)} | {', '.join(_stopped(gate))} |")
    return "\n".join([*_title(world, "after so many steps of the healthy training"), *rows, ""])


def _seen(gate: Gated, name: str) -> str:
    row = gate.rows[name]
    return f"{row.verdict}, {row.raw:.3g} (p {row.p:.2g})" if row.raw is not None and row.p is not None else row.verdict


def noise(answers: Answers, worlds: Sequence[str]) -> str:
    """How often fresh noise ranks above its nulls, and how often it passes the gate: in each world, and in both."""
    found = {f"World {w}": [read(value) for value in of(answers, w, "noise").values()] for w in worlds}
    found = {name: gates for name, gates in found.items() if gates}
    if len(found) > 1:
        found["Both worlds"] = [gate for gates in found.values() for gate in gates]
    return "\n".join(line for name, gates in found.items() for line in (f"### {name}: noise", "", *_rates(gates), ""))


def _rates(gates: Sequence[Gated]) -> list[str]:
    rows = [
        "| probe | " + " | ".join(f"p <= {alpha:g}, {n} nulls [95%]" for alpha, n in LEVELS) + " |",
        "|---|---|---|",
    ]
    probes = [name for name, row in gates[0].rows.items() if row.nulls]
    for name in probes:
        rates = [_rate([_p(g, name, n) <= a for g in gates if len(g.rows[name].nulls) >= n]) for a, n in LEVELS]
        rows.append(f"| {name} | {' | '.join(rates)} |")
    enough = {n: [g for g in gates if len(g.rows[probes[0]].nulls) >= n] for _, n in LEVELS}
    several = [[max(_p(g, name, n) for name in probes) <= a for g in enough[n]] for a, n in LEVELS]
    rows.append(f"| all of them at once | {' | '.join(map(_rate, several))} |")
    passed = _rate([gate.exit == 0 for gate in gates])
    said = f"{len(gates)} adapters of fresh noise, each against nulls of its own; the gate let pass {passed}."
    return [said, "", *rows]


def _p(gate: Gated, name: str, runs: int) -> float:
    """The p-value against the first `runs` nulls, ties counting against the adapter."""
    row = gate.rows[name]
    raw = float("-inf") if row.raw is None else row.raw
    return (1 + sum(null >= raw for null in row.nulls[:runs])) / (runs + 1)


def _rate(hits: Sequence[bool]) -> str:
    if not hits:
        return "not asked"
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits)} of {len(hits)}: {100 * sum(hits) / len(hits):.1f}% [{100 * low:.1f}, {100 * high:.1f}]"


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95% interval of a rate."""
    middle, spread = hits + z * z / 2, z * sqrt(hits * (n - hits) / n + z * z / 4)
    return (middle - spread) / (n + z * z), (middle + spread) / (n + z * z)


def _title(world: str, of_what: str) -> list[str]:
    known = WORLDS[world]
    return [f"### World {world} ({known.name}, {known.family}): {of_what}", ""]
