"""Money back: policies as data, alerts, evidence from the locks, batches of four eyes."""
