"""A small, really trained base model and adapters whose true labels are known."""
