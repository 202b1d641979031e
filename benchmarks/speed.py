"""How fast the engine is: ratios to one sequence a forward pass, marginal costs, rates, memory and start-up.

    python -m benchmarks.speed [--write] [--layers 6] [--nulls 19] [--threads 1]

Both paths answer the same questions in the same run, and must agree to 1e-4 nats. All times are CPU-seconds of this
process, on one thread unless told otherwise. --write puts the tables into docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sway.backends.hf  # noqa: F401  # isort: skip  # sets how threads wait, before torch is imported

import numpy as np

from benchmarks import probing
from benchmarks.models import build_adapter, build_model
from benchmarks.one_at_a_time import OneAtATime, gap
from benchmarks.standard import LAMBDAS, completions, next_tokens, nulls, prompts, prose_of
from benchmarks.suite import Whole, peak, recitals
from sway.backends import build
from sway.core.model import ModelSpec
from sway.core.requests import Generation, Request
from sway.core.views import BASE, TUNED, View

DOC = Path(__file__).parents[1] / "docs" / "performance.md"
MOST_NATS = 1e-4
SWEEP = (BASE, TUNED, *map(View, LAMBDAS))


@dataclass(frozen=True)
class Row:
    """CPU-seconds of the two paths over the same questions, and the largest difference of a log-probability."""

    what: str
    questions: int
    single: float
    batched: float
    difference: float
    unlike: int = 0

    def told(self) -> str:
        """A row of the table."""
        ratio = self.single / self.batched
        return f"| {self.what} | {self.questions} | {self.single:.2f} | {self.batched:.2f} | {ratio:.1f} |"


@dataclass
class Bench:
    """A base with adapters on disk, both paths to it, and what was measured."""

    home: Path
    layers: int
    threads: int

    def __post_init__(self) -> None:
        self.base, self.adapter = self.home / f"base{self.layers}", self.home / f"adapter{self.layers}"
        build_model(self.base, self.layers)
        build_adapter(self.base, self.adapter)
        self.backend = self.open(self.adapter)
        self.loaded_peak = peak()
        import sentence_transformers  # noqa: F401  # as the models are: loaded before anything is measured

        list(self.backend.answer(next_tokens(prompts(2), [BASE, TUNED])))
        self._reference: OneAtATime | None = None

    def open(self, adapter: Path) -> Any:
        """The base with an adapter."""
        spec = ModelSpec(base=str(self.base))
        return build(spec, spec.model_copy(update={"adapter": str(adapter)}), threads=self.threads)

    @property
    def reference(self) -> OneAtATime:
        """The other path, loaded when it is first asked for: the peak of memory is measured before."""
        if self._reference is None:
            self._reference = OneAtATime(self.base, self.adapter, self.backend.text)
            for request in next_tokens(prompts(2), [BASE, TUNED]):
                self._reference.answer(request)
        return self._reference

    def batched(self, requests: Sequence[Request[Any]]) -> tuple[float, dict[Request[Any], Any]]:
        """CPU-seconds, and the answers."""
        self.backend.scorer.supports.clear()
        start = time.process_time()
        said = {found.request: found.answer for found in self.backend.answer(requests)}
        return time.process_time() - start, said

    def row(self, what: str, requests: Sequence[Request[Any]]) -> Row:
        """Answer `requests` both ways."""
        spent, said = self.batched(requests)
        return self.against(what, spent, said)

    def against(self, what: str, spent: float, said: dict[Request[Any], Any], how: str = "answer") -> Row:
        """Hold answers that took `spent` CPU-seconds against what the other path does by its method `how`."""
        answer = getattr(self.reference, how)
        start = time.process_time()
        single = {request: answer(request) for request in said}
        end = time.process_time()
        gaps = [gap(said[request], single[request]) for request in said]
        unlike = int(np.isnan(gaps).sum())
        print(
            f"{what}: {end - start:.2f} s, {spent:.2f} s, {np.nanmax(gaps):.1e} nats, {unlike} texts differ", flush=True
        )
        return Row(what, len(said), end - start, spent, float(np.nanmax(gaps)), unlike)


def suites(bench: Bench, count: int) -> tuple[Whole, list[Row]]:
    """The standard suite whole, and what of it a script would have written out to see if it is recited."""
    whole = Whole.run(bench.backend, bench.base, bench.adapter, count)
    print(f"suite: {whole.spent:.1f} CPU-s in {whole.wall:.1f} s", *whole.profile(), sep="\n", flush=True)
    row = bench.against(f"the standard suite, every probe, {count} nulls", whole.spent, whole.said)
    spent, said = bench.batched(recitals(bench.backend, bench.base, bench.adapter))
    return whole, [row, bench.against("are texts recited: written out, and read off one pass", spent, said, "recites")]


def kinds(bench: Bench, count: int) -> list[Row]:
    """Single kinds of question."""
    eight = prompts(8)
    written = [Generation(view, text, 32) for view in (BASE, TUNED) for text in prompts(16)]
    return [
        bench.row("next token, 8 prompts of 16 tokens, base and tuned", next_tokens(eight, (BASE, TUNED))),
        bench.row("the same at 7 strengths", next_tokens(eight, SWEEP)),
        bench.row(f"the same with {count} nulls", next_tokens(eight, (*SWEEP, *nulls(count)))),
        bench.row("16 completions of one prompt of 128 tokens", completions(16, " ".join(prompts(9)))),
        bench.row("8 texts of 128 words, every token scored", prose_of(8)),
        bench.row("32 continuations of 32 tokens", written),
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """Rows of both paths."""
    return [
        "| questions | how many | one at a time | batched | ratio |",
        "|---|---|---|---|---|",
        *(r.told() for r in rows),
    ]


def write(path: Path, lines: Sequence[str]) -> None:
    """Put the tables between the document's markers."""
    text = path.read_text(encoding="utf-8")
    block = "<!-- bench -->\n" + "\n".join(lines) + "\n<!-- /bench -->"
    path.write_text(
        re.sub(r"<!-- bench -->.*<!-- /bench -->", lambda _: block, text, flags=re.DOTALL), encoding="utf-8"
    )


def measured(options: argparse.Namespace, home: Path) -> list[str]:
    """Everything, as lines of the document."""
    load = os.getloadavg()[0]
    bench = Bench(home, options.layers, options.threads)
    whole, rows = suites(bench, options.nulls)
    rows += kinds(bench, options.nulls)
    rates = probing.rates(bench.backend, whole.batches, whole.said, bench.layers, rows[0].single)
    rates.append(probing.widths(bench.backend))
    second = probing.second_adapter(bench.base, bench.adapter, bench.open)
    memory = f"Memory: {bench.loaded_peak:.2f} GB with the model loaded, {whole.peak:.2f} GB at most in the suite."
    slow = Bench(home, 30, options.threads)
    eight = prompts(8)
    deep = [
        slow.row("30 layers: next token, 8 prompts of 16 tokens, base and tuned", next_tokens(eight, (BASE, TUNED))),
        slow.row("30 layers: the same with 3 nulls", next_tokens(eight, (BASE, TUNED, *nulls(3)))),
    ]
    worst = max(row.difference for row in [*rows, *deep])
    if worst > MOST_NATS:
        raise SystemExit(f"the two paths differ by {worst:.1e} nats, more than {MOST_NATS:g}: nothing is compared")
    busy = f"load {load:.1f} on {os.cpu_count()} cores" + (", so a busy machine" if load > 0.5 else "")
    said = f"CPU-seconds, fp32, {options.layers} layers, threads: {options.threads}; {busy}."
    said += f" The two paths differ by {worst:.1e} nats at most."
    said += f" Texts that differ: {sum(row.unlike for row in [*rows, *deep])}."
    more = [*probing.marginal(bench.batched), *rates, second, memory, *probing.start_up()]
    return [said, "", *table([*rows, *deep]), "", *(f"- {line}" for line in more), "", *whole.profile()]


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--nulls", type=int, default=19)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["SWAY_DISABLE_BASE_CACHE"] = "1"
    with tempfile.TemporaryDirectory() as home:
        lines = measured(options, Path(home))
    print("\n".join(lines))
    if options.write:
        write(DOC, lines)


if __name__ == "__main__":
    main()
