"""The torch backend: one model, every view of it in one batch."""
