"""The `tidemill` command: serve, demo and every call of the gateway."""
