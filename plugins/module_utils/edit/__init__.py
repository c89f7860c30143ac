"""Edits of text files on a managed host that change our part and keep every other byte."""
