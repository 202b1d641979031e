"""Runs a suite: asks in rounds, calibrates against nulls, judges, scores, gates."""
