"""Which courses a sandbox has. The same row gives the same course on each machine."""

from dataclasses import dataclass

ORG = "SandboxX"
RUN = "2026"


@dataclass(frozen=True)
class Course:
    """A course to make.

    number: its number in the course key.
    blocks: blocks, the course itself included.
    name_length: random characters added to each block's name; they hardly compress, so they set the structure's size.
    org: its organization.
    """

    number: str
    blocks: int
    name_length: int = 0
    org: str = ORG


def _series(prefix, count, blocks):
    return [Course(f"{prefix}{index:02d}", blocks) for index in range(1, count + 1)]


PROFILES = {
    # For tests: about 8,000 blocks in eight courses.
    "small": [
        *[Course(f"S{blocks}", blocks) for blocks in (50, 120, 300, 600, 1000, 1500)],
        Course("OVER1M", 1000, name_length=1400),
        Course("OVER2M", 1200, name_length=2400),
    ],
    # For the demonstration: 42 courses, about 68,000 blocks.
    "full": [
        *_series("XS", 5, 50),
        *_series("S", 10, 150),
        *_series("M", 10, 400),
        *_series("L", 8, 1000),
        *_series("XL", 4, 2500),
        *_series("XXL", 2, 5000),
        Course("HUGE8K", 8000),
        Course("OVER1M", 10000, name_length=90),
        Course("OVER2M", 16000, name_length=110),
    ],
}
