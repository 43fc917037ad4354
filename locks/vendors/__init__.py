"""Locks of other makers, which keep plain PINs."""
