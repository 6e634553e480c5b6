"""Repositories of direct runs: each of a user, of no project, and only as long as it is used."""
