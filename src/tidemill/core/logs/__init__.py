"""Logs as bytes that have lines, times and groups, all of them told beside the bytes."""
