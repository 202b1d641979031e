"""The daemon that keeps models loaded, and its client."""
