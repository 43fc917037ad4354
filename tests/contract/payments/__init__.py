"""One suite for Stripe as we see it, over the adapter and over the double."""
