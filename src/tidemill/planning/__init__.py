"""From a repository's files to plans: find, evaluate in a child process, compile."""
