"""Errors of problems. Facts: edx-platform xmodule/capa/responsetypes.py."""


class LoncapaProblemError(Exception):
    """A problem's definition makes no sense."""
