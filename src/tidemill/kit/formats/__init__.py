"""Text in the formats that people write becomes plain data that knows the place of each value."""
