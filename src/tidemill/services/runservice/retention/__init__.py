"""Retention: nothing grows for ever, and nothing goes that is wanted."""
