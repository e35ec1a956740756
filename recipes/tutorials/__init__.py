"""The tutorials' original programs, with which recipes compare themselves."""
