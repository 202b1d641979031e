from tests.cli.conftest import call, own_cache  # noqa: F401  # fixtures, found by their names
