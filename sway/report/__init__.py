"""Turns a suite's result into what people and programs read."""
