"""Money in, money back, and proof of both. Stripe's side of it is re-read, never believed from a message."""
