"""Runs observations and reports each as one line of JSON."""

import json
import sys
import traceback

MARK = "BLOCK_STRUCTURE_CONTRACT "
ROWS = {}


def row(function):
    """Register an observation under its function's name; it takes the course and returns what JSON can hold."""
    ROWS[function.__name__] = function
    return function


def name_of(call, *arguments, **named):
    """Return the name of the exception's type that a call raises, or "accepted"."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return type(error).__name__
    return "accepted"


def observe(name, course):
    """Make one observation on a course without a structure, and report it."""
    try:
        course.reset()
        report(name, value=ROWS[name](course))
    except Exception:
        report(name, error=traceback.format_exc())


def report(name, **outcome):
    """Report the outcome of one row."""
    write(dict(outcome, row=name))


def report_unusable(cause):
    """Report why no row can be observed on this platform."""
    write({"unusable": cause})


def write(outcome):
    """Write one line to the standard output."""
    sys.stdout.write(MARK + json.dumps(outcome) + "\n")
    sys.stdout.flush()
