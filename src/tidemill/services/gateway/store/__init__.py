"""What the gateway keeps: the inbox of pushes, and repositories that are to be removed."""
