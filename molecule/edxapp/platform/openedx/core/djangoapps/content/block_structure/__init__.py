"""Block structures: the collected tree of a course, cached and stored.

Each module carries the name, the public functions and the observable behaviour of the platform's module of that name
(openedx/core/djangoapps/content/block_structure), in code of its own. `tests/contract` holds the two together.
"""
