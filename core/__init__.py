"""Foundation every other package stands on; it knows none of them."""
