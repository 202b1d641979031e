"""Tool calls in a model's words: read from what it wrote, checked against what it was offered."""
