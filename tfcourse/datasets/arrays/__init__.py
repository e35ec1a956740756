"""`npz:PATH` and arrays in memory."""
