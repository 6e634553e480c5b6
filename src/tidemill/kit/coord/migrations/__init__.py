"""The schema of the embedded coordinator."""
