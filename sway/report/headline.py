"""One sentence that answers the question for which sway was run. Fixed words: a report can put nothing into it."""

from __future__ import annotations

from sway.core.exits import Exit
from sway.core.measurement import Category, Claim
from sway.core.verdicts import Reason, Verdict
from sway.report.records import Report

CLOSED = "The gate is closed."
"""Where something other than a probe closed it."""
SHORT = "The adapter falls short of what the gate asks."
"""The same where the gate is never to be closed for it."""
_BY_KIND: dict[tuple[str, Reason], str] = {
    ("leakage", Reason.HARM): "recites its training text",
    ("tool_use_fidelity", Reason.HARM): "breaks the model's tool calls",
    ("tool_use_fidelity", Reason.SHAPE): "breaks the model's tool calls",
    ("preference_flip", Reason.NOISE): "does not prefer the answers that it should",
    ("preference_flip", Reason.NEGLIGIBLE): "does not prefer the answers that it should",
    ("preference_flip", Reason.SHAPE): "does not prefer the answers that it should",
    ("paraphrase_invariance", Reason.SHAPE): "knows its questions by their wording",
    ("adapter_revert", Reason.NEGLIGIBLE): "falls back to the base when asked in other words",
    ("adapter_revert", Reason.NOISE): "falls back to the base when asked in other words",
    ("cluster_kl", Reason.NEGLIGIBLE): "moves every topic alike",
    ("style_fingerprint", Reason.SHAPE): "does not write as its document does",
    ("style_fingerprint", Reason.NOISE): "does not write as its document does",
    ("style_fingerprint", Reason.NEGLIGIBLE): "does not write as its document does",
}
_BY_CATEGORY: dict[tuple[Category, Reason], str] = {
    (Category.ADHERENCE, Reason.NOISE): "changes the model no more than random noise of its own size does",
    (Category.ADHERENCE, Reason.NEGLIGIBLE): "changes the model too little to matter",
    (Category.ADHERENCE, Reason.SHAPE): "does not keep up its effect",
    (Category.ATTRIBUTION, Reason.NOISE): "did not learn its own text more than any other",
    (Category.ATTRIBUTION, Reason.NEGLIGIBLE): "did not learn its own text more than any other",
    (Category.ATTRIBUTION, Reason.SHAPE): "learned only a part of its text",
    (Category.CALIBRATION, Reason.HARM): "makes the model worse at other text",
    (Category.ABLATION, Reason.SHAPE): "does not act smoothly as its strength grows",
    (Category.CALIBRATION, Reason.SHAPE): "shows signs of broken training",
    (Category.BASELINE, Reason.NOISE): "is a no-op",
}


def headline(report: Report) -> str:
    """The answer in one sentence."""
    verdict, opened = Verdict(report.gate.verdict), report.gate.exit_code == Exit.PASS
    if verdict is Verdict.ERROR:
        return "No verdict: something that the gate requires could not be measured."
    if faults := _faults(report):
        return f"The adapter {_listed(faults)}."
    if verdict is Verdict.FAIL:
        return SHORT if opened else CLOSED
    claims = _claims(report)
    sentence = f"The adapter {_listed(claims)}." if claims else "Every check holds."
    if verdict is Verdict.PASS:
        return sentence
    return f"{sentence} Some of it is not settled yet{'' if opened else ', and that closes the gate'}."


def _listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _faults(report: Report) -> list[str]:
    failed = [p for p in report.probes if p.verdict is Verdict.FAIL and p.required]
    said = [
        _BY_KIND.get((p.kind, p.reason))
        or _BY_CATEGORY.get((p.category, p.reason))
        or f"fails a required check of {p.category}"
        for p in failed
    ]
    return list(dict.fromkeys(said))


def _claims(report: Report) -> list[str]:
    passed = {(p.category, p.claim) for p in report.probes if p.verdict is Verdict.PASS}
    claims = {
        (Category.ADHERENCE, Claim.SUPERIORITY): "changed the model beyond noise",
        (Category.ATTRIBUTION, Claim.SUPERIORITY): "learned its own text rather than just any text",
        (Category.CALIBRATION, Claim.NON_INFERIORITY): "did no harm that was looked for",
    }
    return [words for claim, words in claims.items() if claim in passed]
