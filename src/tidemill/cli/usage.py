"""What tells a wrong command line from a failure: the exit code is 2 and not 1."""

#: The code of a Failure for a combination of arguments that makes no sense.
WRONG_USAGE = "wrongUsage"
