"""The public API of a real server, asked whatever its description allows, and what it does not."""
