"""The probes, by kind. Each lives in the file of its name; its docstring is its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sway.core.errors import SwayError
from sway.core.probe import Probe
from sway.probes import (
    adapter_ablation,
    adapter_revert,
    calibration_drift,
    cluster_kl,
    delta_kl,
    external_perplexity,
    gradient_ghost,
    leakage,
    multi_turn_coherence_decay,
    null_adapter,
    paraphrase_invariance,
    preference_flip,
    prompt_collapse,
    section_internalization,
    style_fingerprint,
    tool_use_fidelity,
    training_drift,
)

REGISTRY: Mapping[str, Probe] = MappingProxyType(
    {
        "null_adapter": null_adapter.null_adapter,
        "delta_kl": delta_kl.delta_kl,
        "adapter_revert": adapter_revert.adapter_revert,
        "cluster_kl": cluster_kl.cluster_kl,
        "section_internalization": section_internalization.section_internalization,
        "paraphrase_invariance": paraphrase_invariance.paraphrase_invariance,
        "preference_flip": preference_flip.preference_flip,
        "style_fingerprint": style_fingerprint.style_fingerprint,
        "prompt_collapse": prompt_collapse.prompt_collapse,
        "multi_turn_coherence_decay": multi_turn_coherence_decay.multi_turn_coherence_decay,
        "tool_use_fidelity": tool_use_fidelity.tool_use_fidelity,
        "leakage": leakage.leakage,
        "calibration_drift": calibration_drift.calibration_drift,
        "external_perplexity": external_perplexity.external_perplexity,
        "gradient_ghost": gradient_ghost.gradient_ghost,
        "training_drift": training_drift.training_drift,
        "adapter_ablation": adapter_ablation.adapter_ablation,
    }
)


def get(kind: str) -> Probe:
    """The probe of a kind.

    Raises:
        SwayError: there is none.
    """
    if kind not in REGISTRY:
        raise SwayError(f"there is no probe of kind {kind!r}", mend="see: sway list-probes")
    return REGISTRY[kind]
