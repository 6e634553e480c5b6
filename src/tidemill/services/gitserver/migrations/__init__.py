"""The schema of the gitserver, one dated file per change."""
