"""The services, none of which imports another."""
