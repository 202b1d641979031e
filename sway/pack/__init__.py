"""Swaypacks: a spec with all that it reads, the statistics of its nulls, and a report to compare with, in one file."""
