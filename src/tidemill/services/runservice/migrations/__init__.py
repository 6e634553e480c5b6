"""The schema of the runservice, one dated file per change."""
