"""The arithmetic of a verdict: divergences, intervals, calibration, curve shapes. Arrays in, numbers out."""
