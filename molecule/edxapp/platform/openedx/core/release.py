"""The release line of this platform. Facts: edx-platform openedx/core/release.py."""

import release_rows

# Code that belongs to no named release calls itself master.
RELEASE_LINE = "master" if release_rows.current() is release_rows.MAIN else release_rows.current().name
