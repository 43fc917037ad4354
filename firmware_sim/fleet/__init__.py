"""Thousands of sleepy locks in one process: the same pure core, a lean connection, compressed time."""
