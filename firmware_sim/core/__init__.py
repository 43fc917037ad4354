"""The lock's firmware without its wires: pure decisions that also run under MicroPython.

Imports only hashlib, struct, json and binascii; annotations use builtins only.
"""
