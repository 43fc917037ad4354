"""Schools as shelters: one request, a second person, every door."""
