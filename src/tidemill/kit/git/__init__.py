"""Git as mechanism: its wire format, its processes in a safe environment, reading its objects."""
