"""`sway mine`: find prompts that a suite should ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sway.mine.asking import Mined, Mining
    from sway.suite.spec import LoadedSpec


@click.command(short_help="Find prompts that a suite should ask.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--mode", type=click.Choice(["paraphrase", "outliers"]), default="paraphrase", show_default=True)
@click.option("--top-k", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many to show.")
@click.option(
    "--n-candidates", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Tried: a case, or in all."
)
@click.option("--from-corpus", type=click.Choice(["public_domain_en"]), help="Take outliers from a text pack.")
@click.option("--seed", type=click.IntRange(0), help="Default: the spec's.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a new file; default: print.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: physical cores.")
def mine(
    spec: Path,
    mode: str,
    top_k: int,
    n_candidates: int,
    from_corpus: str | None,
    seed: int | None,
    output: Path | None,
    threads: int | None,
) -> None:
    """Ask the models of SPEC about many prompts, and print the most telling as an entry for its suite.

    paraphrase: other wordings of the spec's questions after which the adapter's answer is lost.
    outliers: prompts at which the adapter changes the model more than at others.
    """
    from sway.cli.output import check_new, write_atomically
    from sway.core.errors import SwayError
    from sway.mine.sources import cases_of, prompts_of
    from sway.suite.loader import load_spec

    if from_corpus and mode != "outliers":
        raise SwayError("goes with --mode outliers", where="--from-corpus", mend="leave it out, or change the mode")
    if output is not None:
        check_new(output)
    loaded = load_spec(spec)
    start = loaded.spec.defaults.seed if seed is None else seed
    if mode == "paraphrase":
        text = _paraphrases(loaded, cases_of(loaded), top_k, n_candidates, start, threads)
    else:
        text = _outliers(loaded, prompts_of(loaded, from_corpus, n_candidates), top_k, threads)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically(output, text)
        click.echo(f"wrote {output}")


def _paraphrases(
    loaded: LoadedSpec, cases: list[Any], top: int, candidates: int, seed: int, threads: int | None
) -> str:
    from sway.mine.paraphrases import mine_paraphrases

    def start(by_meaning: bool) -> Mining:
        return mine_paraphrases(cases, candidates=candidates, top=top, seed=seed, by_meaning=by_meaning)

    found = _run(loaded, start, threads)
    lines = [f"{m.score:.3g} nats/token lost: {m.prompt}" for m in found]
    chosen = list(dict.fromkeys(m.of for m in found))
    entry = {
        "name": "mined_paraphrases",
        "kind": "paraphrase_invariance",
        "cases": [
            {
                "prompt": cases[i].prompt,
                "gold": cases[i].gold,
                "paraphrases": [m.prompt for m in found if m.of == i],
            }
            for i in chosen
        ],
    }
    return _page("Wordings after which the adapter's answer is lost", lines, entry if found else None)


def _outliers(loaded: LoadedSpec, prompts: list[str], top: int, threads: int | None) -> str:
    from sway.mine.outliers import deviations, mine_outliers

    def start(by_meaning: bool) -> Mining:
        del by_meaning
        return mine_outliers(prompts, top=len(prompts), top_k=loaded.spec.defaults.top_k)

    ranked = _run(loaded, start, threads)
    above = deviations([m.score for m in ranked])
    lines = [f"{m.score:.3g} nats, {z:+.1f} deviations: {m.prompt}" for m, z in zip(ranked[:top], above, strict=False)]
    entry = {"name": "mined_outliers", "kind": "delta_kl", "prompts": [m.prompt for m in ranked[:top]]}
    title = f"Prompts at which the adapter changes the model most, of {len(ranked)}"
    return _page(title, lines, entry)


def _run(loaded: LoadedSpec, start: Any, threads: int | None) -> list[Mined]:
    """Load the models, mine, and let them go."""
    from sway.backends.embed import EmbeddingBackend
    from sway.cli.session import shown_progress
    from sway.core.folders import MINILM
    from sway.core.requests import Embed
    from sway.core.views import BASE
    from sway.engine.build import build
    from sway.engine.plan import Options
    from sway.mine.asking import run

    with shown_progress() as progress:
        progress.stage("loading the model")
        backend = EmbeddingBackend(build(loaded, Options(threads=threads)))
        try:
            backend.determinism(loaded.spec.defaults.seed)
            backend.preflight()
            without = backend.refusal(Embed(BASE, "", MINILM))
            if without:
                progress.stage(f"wordings are not chosen by meaning: {without}")
            return run(start(not without), backend, progress)
        finally:
            backend.close()


def _page(title: str, lines: list[str], entry: dict[str, Any] | None) -> str:
    from sway.core.text import printable
    from sway.core.yamlout import to_yaml

    if entry is None:
        return f"# {title}: none was found.\n"
    head = "".join(f"# {printable(line)}\n" for line in (f"{title}. Paste the entry under suite:", *lines))
    return head + to_yaml([entry], indent=2)
