"""The tests: a package, so that none of this name that a dependency installs is taken for it."""
