"""What breaks while tasks run, and what must hold afterwards."""
