"""Measurements, printed beside the raw baseline of the same run; a regression guard, not a test."""
