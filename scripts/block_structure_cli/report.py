"""The HTML report, made from files that other commands wrote; contacts no host."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from block_structure.module_utils.common.redact import is_secret_name
from block_structure.plugin_utils.diagnosis import summary as summaries
from block_structure.plugin_utils.diagnosis import trend

from . import charts, collector, pictures, runs, tables
from .exits import USAGE, Failure
from .saved import DAMAGE, load_json
from .version import documentation

_MIB = 1024 * 1024
_MOST_COURSES = 25  # in a chart; the tables have all
_SLOWER, _LEAST_MS = 0.8, 5.0  # times faster, and milliseconds more: a read below and above is slower than before
_MOST_RECORDS = 100  # of the history, in chart and table
_MOST_SLOWER = 3  # named in the verdict
_LIMITS = {
    "item_size": "item size of memcached (-I)",
    "release_cap": "cap of the release",
    "client": "limit of the cache client",
}


@dataclass(frozen=True)
class Sources:
    """The input of a report.

    diagnoses, further runs: oldest first. bench: output of scripts/dev/bench-runtime. history: records of earlier diagnoses.
    """

    before: runs.Run | None = None
    after: runs.Run | None = None
    further: list[runs.Run] = field(default_factory=list)
    diagnoses: list[dict[str, Any]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)
    bench: dict[str, Any] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def runs(self) -> list[runs.Run]:
        """The runs to compare that were given, the earlier one first."""
        return [run for run in (self.before, self.after) if run]

    @property
    def over_time(self) -> list[dict[str, Any]]:
        """The records of the site of the newest diagnosis, oldest first; the diagnoses that were given are among them."""
        known = [*self.history, *(trend.record(one) for one in self.diagnoses if one.get("generated"))]
        if not known:
            return []
        site = known[-1]["site"]
        own = {record["when"]: record for record in known if record["site"] == site}
        return sorted(own.values(), key=trend.moment)[-_MOST_RECORDS:]

    @property
    def newest(self) -> dict[str, Any]:
        """The newest description of the site: the last diagnosis, else the last run, else the benchmark's own."""
        return [{**(self.bench or {}), "courses": []}, *self.runs, *self.diagnoses][-1]


def damaged(sources: Sources, error: Exception) -> Failure:
    """Return the failure for files that cannot be shown, naming the kind of those that cannot be shown alone either."""
    alone = {
        "--diagnosis": [Sources(diagnoses=[one]) for one in sources.diagnoses],
        "--before": [Sources(before=sources.before)] if sources.before else [],
        "--after": [Sources(after=sources.after)] if sources.after else [],
        "--collector": [Sources(bench=sources.bench)] if sources.bench else [],
    }
    bad = [option for option, given in alone.items() if any(not _can_be_shown(one) for one in given)]
    named = " and ".join(bad) or "the options together"
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return Failure(
        f"What was given for {named} cannot be shown: {what}.", "give the files as the commands wrote them, unedited.", USAGE
    )


def _can_be_shown(sources: Sources) -> bool:
    try:
        html(sources, "")
        summary(sources)
    except DAMAGE:
        return False
    return True


def load_diagnosis(path: Path) -> dict[str, Any]:
    """Return the output of `diagnose --format json` (or `verify --format json`)."""
    return load_json(
        path,
        ("release", "courses", "findings"),
        "a diagnosis",
        "name a file with the output of `block-structure diagnose --format json`.",
    )


def load_profile(path: Path) -> dict[str, Any]:
    """Return the profile.json of a `profile` run."""
    return load_json(
        path, ("course", "frames", "stacks"), "a profile", "name a profile.json that `block-structure profile` wrote."
    )


def load_bench(path: Path) -> dict[str, Any]:
    """Return the output of scripts/dev/bench-runtime."""
    return load_json(
        path,
        ("release", "objects", "systems", "identical"),
        "a measurement of the runtime",
        "name .cache/bench/runtime.json, which `make bench-runtime` writes.",
    )


def _faster(report: dict[str, Any] | None) -> str | None:
    """Return the gain in one sentence, of the largest course that both runs read with a cold cache; None without one."""
    read = [row for row in (report or {"courses": []})["courses"] if row["cold"]]
    if not read:
        return None
    row = read[-1]
    was, now = charts.seconds(row["before"]["cold"]), charts.seconds(row["after"]["cold"])
    return (
        f"With a cold cache, reading the structure of {row['key']} ({row['blocks']:,} blocks) "
        f"took {was} before and takes {now} now: {tables.in_words(row['cold'])}."
    )


def slower(report: dict[str, Any] | None) -> list[str]:
    """Return what is slower than before: reads inside the LMS, and pages whose whole interval is, each with both times."""
    if not report:
        return []
    found = [
        (row["before"][state], row["after"][state], f"reading {row['key']}, {state} cache")
        for row in report["courses"]
        for state in ("cold", "warm")
        if row[state] and row[state] < _SLOWER
    ]
    found += [
        (row["before"]["p50"], row["after"]["p50"], f"{runs.page_name(row['page'], row['nav_depth'])}, {row['state']} cache")
        for row in report["pages"]
        if row["ratio"] and row["ratio"]["high"] < 1
    ]
    worst = sorted((entry for entry in found if entry[1] - entry[0] >= _LEAST_MS), key=lambda entry: entry[0] - entry[1])
    return [f"{what} ({charts.seconds(was)} → {charts.seconds(now)})" for was, now, what in worst]


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def verdict(sources: Sources, report: dict[str, Any] | None) -> dict[str, str]:
    """Return {"state": good, attention or bad, "line", "text"}: the headline of the report."""
    sentences = [message for message in [_faster(report)] if message]
    worse = slower(report)
    if worse:
        more = f", and {len(worse) - _MOST_SLOWER} more" if len(worse) > _MOST_SLOWER else ""
        sentences.append(f"Slower than before: {'; '.join(worse[:_MOST_SLOWER])}{more}.")
    slow = [
        course for course in (sources.diagnoses[-1]["courses"] if sources.diagnoses else []) if course["tier"] == "modulestore"
    ]
    if slow:
        courses = _many(len(sources.newest["courses"]), "course")
        sentences.append(f"Rebuilt in a learner's request: {len(slow)} of {courses}.")
    if not sources.diagnoses:
        state, line = "attention", "Measured, not diagnosed"
        sentences.append("No diagnosis was given, so the report lists no findings.")
    else:
        found = dict.fromkeys(("error", "warning", "info"), 0)
        for finding in sources.diagnoses[-1]["findings"]:
            found[finding["severity"]] += 1
        errors, warnings = _many(found["error"], "error"), _many(found["warning"], "warning")
        if found["error"]:
            state, line = "bad", f"Needs action: {errors}, {warnings}"
        elif found["warning"] or worse:
            remarks = [warnings] if found["warning"] else []
            remarks += [f"{_many(len(worse), 'measurement')} slower than before"] if worse else []
            state, line = "attention", f"Works, with {' and '.join(remarks)}"
        else:
            state, line = "good", "Nothing needs attention"
    return {"state": state, "line": line, "text": " ".join(sentences)}


def limits(newest: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (label, bytes) of each limit of a run or a diagnosis."""
    given = newest.get("limits") or {}
    names = {"cache_cap_bytes": "release_cap", "client_item_limit_bytes": "client", "item_size_bytes": "item_size"}
    return [(_LIMITS[names.get(name, name)], value) for name, value in sorted(given.items()) if value]


def _sizes(sources: Sources) -> dict[str, int]:
    found: dict[str, int] = {}
    for source in (*sources.runs, *sources.diagnoses):
        found.update({course["key"]: course["bytes"] for course in source["courses"] if course["bytes"]})
    return found


def size_table(found: dict[str, int], held: list[tuple[str, int]]) -> tables.Table:
    """Return each structure against each limit. It must be below the limit, which counts key and overhead of memcached too."""
    columns = (
        tables.Column("course", lambda row: row["key"], number=False),
        tables.Column("bytes", lambda row: f"{row['bytes']:,}"),
        *(
            tables.Column(
                message,
                lambda row, most=most: "fits" if row["bytes"] < most else f"over by {charts.size(row['bytes'] - most)}",
                number=False,
            )
            for message, most in [("1 MiB, memcached's default item size", _MIB), *held]
        ),
    )
    rows = [{"key": key, "bytes": number} for key, number in sorted(found.items(), key=lambda entry: -entry[1])]
    return tables.Table("Size of each structure against each limit", columns, rows)


def _counted(run: runs.Run) -> Iterator[tuple[str, str, int]]:
    """Yield (server, time, evictions) of a run: before its load, and after it unless the server restarted.

    A run has one timestamp; the time of the second reading follows from the server's uptime.
    """
    started = datetime.fromisoformat(run["started"])
    before = {server["address"]: server["counters"] for server in run["servers"]}
    for server in (*run["servers"], *run["servers_after"]):
        address, counters = server["address"], server["counters"]
        later = counters.get("uptime", 0) - before.get(address, {}).get("uptime", 0)
        if later >= 0:
            yield address, (started + timedelta(seconds=later)).isoformat(), counters.get("evictions", 0)


def eviction_points(sources: Sources) -> dict[str, list[tuple[str, int]]]:
    """Return {server: [(time, evictions)]} of all runs and diagnoses in chronological order."""
    points: dict[str, set[tuple[str, int]]] = {}
    for run in (*sources.runs, *sources.further):
        for address, moment, count in _counted(run):
            points.setdefault(address, set()).add((moment, count))
    for diagnosis in sources.diagnoses:
        for server in diagnosis.get("servers") or []:
            if not server.get("error"):
                points.setdefault(server["server"], set()).add(
                    (diagnosis["generated"].replace("Z", "+00:00"), server["evictions"])
                )
    return {server: sorted(found) for server, found in points.items()}


def configuration(newest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (path, value) of every effective setting. Redacts secrets by name again, because reports are shared."""
    shown = newest.get("configuration") or {name: newest[name] for name in ("settings", "switches", "row") if name in newest}
    lines: list[tuple[str, str]] = []

    def walk(path: str, value: Any, secret: bool) -> None:
        if isinstance(value, dict):
            for name in sorted(value):
                walk(f"{path}.{name}" if path else str(name), value[name], secret or is_secret_name(str(name)))
        else:
            text = (
                "(secret)" if secret and value not in (None, "") else json.dumps(value) if not isinstance(value, str) else value
            )
            lines.append((path, text))

    walk("", shown, False)
    return lines


def _tier_series(sources: Sources, report: dict[str, Any] | None) -> list[tuple[str, str, list[tuple[int, float]]]]:
    series = []
    for when, run in zip(("before", "after")[2 - len(sources.runs) :], sources.runs, strict=True):
        in_use = run["configuration"]["storage_in_use"]
        blocks = {row["key"]: row["blocks"] for row in (report or {"courses": []})["courses"]}
        for state in ("cold", "warm"):
            points = [
                (course["blocks"] or blocks.get(course["key"]), runs.tiers(course, in_use)[state]) for course in run["courses"]
            ]
            points = [(x, y) for x, y in points if x and y]
            if points:
                message = f"{state} cache, {when}" if len(sources.runs) > 1 else f"{state} cache"
                series.append((message, when, points))
    return series


def _measured_runtime(sources: Sources) -> runs.Run | None:
    """Return the newest run, else the newest diagnosis, that measured the choices for the workers' runtime."""
    known = [*sources.diagnoses[-1:], *sources.runs]
    return next((report for report in reversed(known) if report.get("runtime")), None)


def _run_label(run: runs.Run) -> str:
    return f"{run['label'] or 'run'} ({run['started'][:16].replace('T', ' ')} UTC, {run['release']})"


def _comparison(sources: Sources) -> dict[str, Any] | None:
    return runs.compare(sources.before, sources.after) if sources.before and sources.after else None


def summary(sources: Sources) -> dict[str, str]:
    """Return only the verdict."""
    return verdict(sources, _comparison(sources))


def _shown(finding: dict[str, Any]) -> dict[str, Any]:
    value = "" if finding.get("value") is None else json.dumps(finding["value"])
    setting = f"{finding['variable']}: {value}".removesuffix(": ") if finding.get("variable") else None
    return {**finding, "cost": None if finding.get("cost") == "nothing" else finding.get("cost"), "setting": setting}


def grouped(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return findings of one kind as one: {"id", "severity", "link", "each": [finding], "same": [variable]}.

    same: the variables of those that differ from the first by nothing else, and are left out of `each`.
    """
    return [
        {
            "id": group.identifier,
            "severity": group.severity,
            "link": f"{documentation()}/diagnose.md#{group.identifier}",
            "each": [_shown(finding) for finding in (group.findings[:1] if group.same else group.findings)],
            "same": group.same,
        }
        for group in summaries.groups(findings)
    ]


def _runtime_bars(bench: dict[str, Any]) -> charts.Bars:
    return charts.pages(collector.bars(bench), "bench", "Pages of workers with each choice for the runtime", collector.CALLED)


def _profile_part(profile: dict[str, Any], number: int) -> dict[str, Any]:
    drawn = json.dumps(pictures.speedscope(profile)).encode()
    return {
        "parts": tables.profile_parts(profile),
        "apps": tables.profile_apps(profile, 15),
        "flames": [
            pictures.flamegraph(profile, f"flame{number}-{width}", width) for width in (pictures.BROAD, pictures.NARROW)
        ],
        "speedscope": "data:application/json;base64," + base64.b64encode(drawn).decode(),
    }


def _eviction_table(points: dict[str, list[tuple[str, int]]]) -> tables.Table:
    columns = (
        tables.Column("memcached", lambda row: row["server"], number=False),
        tables.Column("when, UTC", lambda row: row["when"][:19].replace("T", " "), number=False),
        tables.Column("evictions since server start", lambda row: f"{row['count']:,}"),
    )
    rows = [
        {"server": server, "when": when, "count": count} for server, found in sorted(points.items()) for when, count in found
    ]
    return tables.Table("Evictions", columns, rows)


def _configuration_table(newest: dict[str, Any]) -> tables.Table:
    columns = (
        tables.Column("setting", lambda row: row["name"], number=False),
        tables.Column("value", lambda row: row["value"], number=False),
    )
    lines = [{"name": name, "value": value} for name, value in configuration(newest)]
    return tables.Table(f"{len(lines)} settings, secrets redacted", columns, lines)


def parts(sources: Sources, report: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the template shows, by part of the page; a part without data is None and is left out."""
    series, found, held = _tier_series(sources, report), _sizes(sources), limits(sources.newest)
    evictions = eviction_points(sources)
    largest = sorted(found.items(), key=lambda entry: -entry[1])[:_MOST_COURSES]
    page_rows = charts.page_rows(sources.runs)
    collected = _measured_runtime(sources)
    ways = runs.ways(collected, sources.before) if collected else []
    shown = [tables.compared_tiers(report), tables.compared_pages(report)] if report else []
    if not report and sources.runs:
        shown = [tables.tiers(sources.runs[-1]), tables.pages(sources.runs[-1])]
    tier_tables, page_tables = ([table] if table.rows else [] for table in shown) if shown else ([], [])
    # One run is neither before nor after.
    called = {"after": sources.runs[-1]["label"] or "this run"} if len(sources.runs) == 1 else None
    workers = tables.workers(sources.runs)
    records = sources.over_time
    return {
        "trend": {"chart": charts.over_time(records), "text": trend.change(records), "tables": [tables.history(records)]}
        if len(records) > 1
        else None,
        "findings": grouped(sources.diagnoses[-1]["findings"]) if sources.diagnoses else None,
        "tiers": {"chart": charts.tiers_by_size(series) if series else None, "tables": tier_tables}
        if series or tier_tables
        else None,
        "ways": {"chart": charts.ways(ways), "tables": [tables.collector(collected, sources.before)]}
        if ways and collected
        else None,
        "bench": {
            "chart": _runtime_bars(sources.bench),
            "tables": [collector.pages(sources.bench), collector.workers(sources.bench)],
        }
        if sources.bench
        else None,
        "pages": {
            "chart": charts.pages(page_rows, called=called) if page_rows else None,
            "tables": page_tables + ([workers] if workers.rows else []),
        }
        if page_rows or page_tables
        else None,
        "profiles": [_profile_part(profile, number) for number, profile in enumerate(sources.profiles)] or None,
        "sizes": {"chart": charts.sizes(largest, held), "tables": [size_table(found, held)]} if found else None,
        "evictions": {
            "chart": charts.counters(evictions) if any(len(points) > 1 for points in evictions.values()) else None,
            "tables": [_eviction_table(evictions)],
        }
        if evictions
        else None,
        "configuration": _configuration_table(sources.newest),
    }


_TITLES = {
    "findings": "What to do",
    "trend": "Over time",
    "tiers": "Reading a course's structure",
    "ways": "Large courses, and the runtime of the LMS's workers",
    "bench": "The runtime under load: gain and cost",
    "pages": "Response times for learners",
    "profiles": "Where the time of a request goes",
    "sizes": "Sizes and limits",
    "evictions": "Evictions",
    "configuration": "Effective configuration",
}


def _inline(name: str) -> str:
    """Return a style sheet or script of the page, as the page contains it."""
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8").strip()


def html(sources: Sources, title: str) -> str:
    """Return the report: one self-contained HTML document."""
    report = _comparison(sources)
    shown = parts(sources, report)
    script = _inline("report.js")
    return pictures.environment.get_template("report.html.j2").render(
        title=title,
        verdict=verdict(sources, report),
        release=sources.newest["release"],
        runs=[_run_label(run) for run in sources.runs],
        titles={name: text for name, text in _TITLES.items() if shown[name] is not None},
        parts=shown,
        legend=pictures.COLOURS,
        style=_inline("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
