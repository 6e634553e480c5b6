"""The outside world of git hosts, by kind."""
