"""Watching: judge every new version of an adapter as it appears."""
