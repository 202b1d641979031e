from tests.cli.conftest import call, full_disk, own_cache  # noqa: F401  # fixtures, found by their names
