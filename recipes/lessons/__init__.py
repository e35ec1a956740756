"""What chapter 4 needs and its slides leave out: a small measured demonstration per file.

Each lesson has `show(path, seed, quick)`, which measures, writes a picture and returns numbers, and
`TEXT`, what they say.
"""
