"""Doors that stay open, or sell nothing, for a while."""
