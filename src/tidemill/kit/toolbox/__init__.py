"""The program that works on files inside a pod, as the task would: archives made and unpacked, key templates.

Standard library and relative imports only: drivers compile this package and bring it into their pods.
"""
