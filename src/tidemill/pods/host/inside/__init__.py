"""The program that lives in a pod; standard library only, and little of it, as every pod waits for it.

The driver compiles this package beside its pods and runs it by `python -I -S` (`pods/host/program.py`).
"""
