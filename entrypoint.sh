#!/bin/sh
# What the image runs: sway, with the arguments as they are.
exec python -P -m sway "$@"
