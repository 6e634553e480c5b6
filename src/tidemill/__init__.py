"""Tidemill: CI/CD that starts as one command and grows into a cluster."""

__version__ = "0.1.0"
