"""Test reports in JUnit's format, read in a process of its own, for nobody knows who has written them."""
