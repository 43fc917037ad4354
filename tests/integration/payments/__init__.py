"""Money on SQLite and PostgreSQL: attempts, refunds, books, messages."""
