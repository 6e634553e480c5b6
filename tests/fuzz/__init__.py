"""Configurations of every sort, right and wrong, to see that each becomes a plan or problems within the limits."""
