"""`python -m sway` is the `sway` command."""

from sway.cli.main import main

main()
