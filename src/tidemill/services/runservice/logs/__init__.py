"""Logs: appended at offsets, read while they grow, put away when they are over."""
