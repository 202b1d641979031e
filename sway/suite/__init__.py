"""The suite: what a spec file says, read, checked and resolved."""
