"""Write the table of Tutor's series x {plugin, role} x {local, k8s} of docs/releases.md from the runs of the tests.

It reads .cache/tutor-results, which `make tutor-table` has pytest write, and what `make matrix` wrote into the same page.
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from lib import pages

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".cache" / "tutor-results"
PAGE = ROOT / "docs" / "releases.md"
RELEASES = ROOT / "roles" / "block_structure" / "vars" / "releases.yml"
# Way -> the file of tests/tutor that runs it in each series.
FILES = {("plugin", "local"): "test_pip_plugin", ("plugin", "k8s"): "test_kustomize", ("role", "local"): "test_rendering"}
# Tests on the miniature LMS of one series name the way.
JOBS, JOBS_SERIES = "test_jobs", 20
FIRST_OF_PLUGIN = 15
CANNOT = "cannot: no `tutor do`"
COLUMNS = (("plugin", "local"), ("plugin", "k8s"), ("role", "local"), ("role", "k8s"))


def outcomes(results: list[ET.Element]) -> Counter[tuple[str, str, bool]]:
    """Return {(file, parameters of a test, whether it passed): tests}."""
    found: Counter[tuple[str, str, bool]] = Counter()
    for case in (case for root in results for case in root.iter("testcase")):
        if case.find("skipped") is None:
            wrong = case.find("failure") is not None or case.find("error") is not None
            file = str(case.get("classname")).rpartition(".")[2]
            found[file, str(case.get("name")).partition("[")[2].rstrip("]"), not wrong] += 1
    return found


def counted(found: Counter[tuple[str, str, bool]], file: str, parameter: str) -> tuple[int, int]:
    """Return how many tests of a file with a parameter passed and failed."""
    chosen = {key: count for key, count in found.items() if key[0] == file and parameter in key[1].split("-")}
    return sum(n for key, n in chosen.items() if key[2]), sum(n for key, n in chosen.items() if not key[2])


def whole_sites(page: str) -> set[tuple[str, str]]:
    """Return the cells (release, way) of the page's table of whole sites that were deployed and rolled back."""
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    return {(row[0], way) for row in rows for way, cell in zip(("local", "k8s"), row[1:], strict=True) if cell[0].isdigit()}


def text(whole: str, passed: int, failed: int) -> str:
    """Return one cell."""
    if failed:
        return f"failed: {failed} tests"
    parts = [whole] * bool(whole) + [f"{passed} tests"] * bool(passed)
    return "; ".join(parts) or "not run"


def table(found: Counter[tuple[str, str, bool]], releases: dict[str, dict[str, Any]], whole: set[tuple[str, str]]) -> str:
    """Return the Markdown."""
    rows = []
    for name, row in releases.items():
        series = row["tutor_major"]
        if not series:
            continue
        cells = []
        for by, way in COLUMNS:
            if by == "plugin" and series < FIRST_OF_PLUGIN:
                cells.append(CANNOT)
                continue
            passed, failed = counted(found, FILES.get((by, way), ""), str(series))
            if by == "plugin" and series == JOBS_SERIES:
                passed, failed = (a + b for a, b in zip((passed, failed), counted(found, JOBS, way), strict=True))
            site = "whole site" if by == "role" and (name, way) in whole else ""
            cells.append(text(site, passed, failed))
        rows.append([f"{series} ({name})", *cells])
    return pages.table(("Tutor", "plugin, local", "plugin, Kubernetes", "role, local", "role, Kubernetes"), rows)


def main() -> int:
    """Replace the table between its markers."""
    results = [ET.parse(path).getroot() for path in sorted(RESULTS.glob("*.xml"))]
    if not results:
        print(f"There is nothing in {RESULTS}.\nRemedy: run `make tutor-table`, which runs the tests first.", file=sys.stderr)
        return 1
    releases = yaml.safe_load(RELEASES.read_text())["__block_structure_releases"]
    pages.write(PAGE, "tutor", table(outcomes(results), releases, whole_sites(PAGE.read_text())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
