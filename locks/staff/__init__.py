"""Codes of staff and for emergencies."""
