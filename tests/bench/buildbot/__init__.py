"""Buildbot 4.3 on the same machine and the same work, for comparison."""
