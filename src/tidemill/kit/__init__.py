"""Machinery that knows no noun of ours."""
