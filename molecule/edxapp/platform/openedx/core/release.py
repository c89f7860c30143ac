"""The release line of this platform. Facts: edx-platform openedx/core/release.py."""

import release_rows

RELEASE_LINE = release_rows.current().name
