"""What a repository's configuration says: plain data becomes a definition, or faults at their paths."""
