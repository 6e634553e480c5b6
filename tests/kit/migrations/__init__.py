"""The schema of the machinery's own tests."""
