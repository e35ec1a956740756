"""A training in its run directory: saved, and resumed bit for bit."""
