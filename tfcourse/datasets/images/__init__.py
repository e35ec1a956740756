"""`images:DIR`: image files, their folders and their labels."""
