"""The torch backend: one model, every view of it in one batch."""

import os

# Threads that spin while they wait starve each other on a busy machine: a small model takes a hundred times as long.
# OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A row of a product must be the same, bit for bit, however many rows and threads share the product. MKL promises that
# in this mode, at next to no cost, and reads it once, at its first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
