"""会計: what waits for a person, the books, settlement, closing, exports."""
