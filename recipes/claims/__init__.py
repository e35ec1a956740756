"""The experiments behind docs/evidence.md, each with its numbers, its picture and its text."""
