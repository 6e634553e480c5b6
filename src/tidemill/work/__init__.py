"""Doing one job in a pod: the life of a task, its steps, its logs, what survives a restart."""
