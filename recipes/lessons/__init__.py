"""Topics that chapter 4 of the slides leaves out: one small measured demonstration per file.

Each lesson has `show(path, seed, quick)`, which measures, writes a picture and returns numbers, and
`TEXT`, a template for the sentences about them.
"""
