"""Money under any order of events."""
