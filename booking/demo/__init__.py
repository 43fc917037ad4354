"""The whole town on one machine: for a look, for the tour, for tests that want real processes."""
