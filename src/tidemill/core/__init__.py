"""Nouns and rules: frozen structs and functions of values; no clock, ids, logging or I/O.

Glossary. *Definition*: what a repository's file says. *Plan*: a definition compiled for one commit
and ref, names of secrets only. *Run*: a plan happening. *Task*: a node of a run's graph. *Job*: a
task handed out to an executor, fenced by a *generation*. *Step*: one command of a task. *Pod*:
where a task's steps are executed. *Group*: an opaque path; at most one run of a group is running.
"""
