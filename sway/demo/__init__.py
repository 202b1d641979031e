"""A small base model and adapters that are really trained on this machine, without a network."""
