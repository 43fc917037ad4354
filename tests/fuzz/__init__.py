"""Whatever arrives: both decoders of the lock protocol under random octets, judged against each other.

`python -m tests.fuzz --seconds N` runs it with coverage guidance (atheris), `tests/property/fuzz` with
Hypothesis.
"""
