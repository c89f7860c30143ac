"""Edits of text files on a managed host that change our part and leave every other byte as it was."""
