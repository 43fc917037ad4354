"""One history for all tables. `run.upgrade` is how programs use it."""
