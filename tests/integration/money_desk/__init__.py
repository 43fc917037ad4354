"""The money desk: audit, books, exports, over a town whose payments go through Stripe in memory."""
