"""`benchmark`: times of each tier and of course pages, and the comparison of two runs."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .. import load, output, runs, tables, target
from ..exits import ATTENTION, REFUSED, USAGE, Failure
from ..options import Site, format_option, overwrite_option, site_options, unclaimed
from ..runner import play_for_report

PASSWORD = "BLOCK_STRUCTURE_LEARNER_PASSWORD"
SANDBOX_LEARNER = load.Learner("learner@example.com", "learner", "edx")  # created by the miniature's sandbox_users


def _numbers(_context: Any, _parameter: Any, text: str) -> list[int]:
    try:
        depths = [int(word) for word in text.split(",")]
    except ValueError:
        depths = [0]
    if min(depths) < 1:
        raise click.BadParameter(f"'{text}' is not a list of depths, such as 2,3.")
    return sorted(set(depths))


def _account(where: target.Target, email: str | None, username: str | None) -> load.Learner:
    """Return the sandbox's learner, or the operator's with the password from the environment or a prompt."""
    if where.sandbox and not email:
        return SANDBOX_LEARNER
    if not email:
        raise Failure("Pages need a learner.", "give --learner EMAIL, or use --no-http.", USAGE)
    password = os.environ.get(PASSWORD)
    if not password and sys.stdin.isatty():
        password = click.prompt(f"Password of {email}", hide_input=True, err=True)
    if not password:
        raise Failure("No password was given for the learner.", f"set the environment variable {PASSWORD}.", REFUSED)
    return load.Learner(email, username, password)


def _load_with_bar(
    message: str, where: target.Target, learner: load.Session, wanted: list[dict[str, Any]], amount: load.Load
) -> list[dict[str, Any]]:
    from rich.progress import Progress

    console = output.console(sys.stderr)
    if not console.is_terminal:
        output.message(message)
        return load.run(where, learner, wanted, amount)
    with Progress(console=console, transient=True) as bar:
        row = bar.add_task(message, total=None if amount is load.ONCE else amount.seconds)
        return load.run(where, learner, wanted, amount, on_second=lambda elapsed: bar.update(row, completed=elapsed))


@click.command()
@site_options
@format_option
@click.option(
    "--course", "courses", multiple=True, help="Course key to measure; may be repeated. Default: a sample over all sizes."
)
@click.option("--sample", type=click.IntRange(1, 1000), default=10, show_default=True, help="Number of courses in the sample.")
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Reads of each tier.")
@click.option(
    "--rebuilds",
    type=click.IntRange(0, 10),
    default=0,
    show_default=True,
    help="Rebuilds of each course; takes seconds each, stores nothing.",
)
@click.option("--http/--no-http", default=True, show_default=True, help="Also open pages as a learner.")
@click.option("--url", callback=target.checked_url, help="URL of the LMS that learners use. Default: the LMS host itself.")
@click.option(target.OWN, "own", is_flag=True, help="Do not ask before sending load to a site that is not on this machine.")
@click.option("--learner", help=f"Email of the account to log in with; its password comes from {PASSWORD} or a prompt.")
@click.option("--username", help="Name of that account; refused if the site says another one. Default: what the site says.")
@click.option(
    "--page",
    "pages",
    multiple=True,
    type=click.Choice(["outline", "blocks"]),
    help="Only this page; may be repeated. Default: both.",
)
@click.option(
    "--nav-depth",
    "nav_depths",
    default="2,3",
    callback=_numbers,
    show_default=True,
    help="Values of nav_depth for the blocks API.",
)
@click.option(
    "--users", type=click.IntRange(1, load.MOST_USERS), default=4, show_default=True, help="Concurrent learners, warm."
)
@click.option(
    "--spawn-rate",
    type=click.FloatRange(0.1, load.MOST_SPAWN_RATE),
    default=2,
    show_default=True,
    help="New learners per second.",
)
@click.option(
    "--duration", type=click.IntRange(1, load.MOST_SECONDS), default=30, show_default=True, help="Seconds of warm load."
)
@click.option(
    "--think",
    "think",
    type=(float, float),
    default=(0.5, 1.5),
    show_default=True,
    help="Shortest and longest pause between requests, in seconds.",
)
@click.option(
    "--cold-rounds", type=click.IntRange(0, 20), default=1, show_default=True,
    help="Visits of each page with an emptied cache; each round boots the LMS once per page.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Run file to write. Default: benchmark-TIME.json.",
)
@overwrite_option
@click.option("--label", help="Label of the run in comparisons and reports, such as 'before the cure'.")
@click.option(
    "--compare", nargs=2, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Compare two run files instead."
)
def command(site: Site, form: str, compare: tuple[Path, Path] | None, path: Path | None, overwrite: bool, **given: Any) -> None:
    """Measure read times, inside the LMS and of pages over HTTP.

    Changes nothing, except that a cold round removes the cached structures of the measured courses; the next read caches them
    again. Load is bounded by --users and --duration, and goes only to loopback or the sandbox unless you confirm that the site
    is yours.

    \b
    Examples:
      block-structure benchmark -i inventory/production --no-http --sample 20
      block-structure benchmark -i inventory/production --url https://learn.example.com \\
          --learner tester@example.com --users 10 --duration 60 -o after.json
      block-structure benchmark --compare before.json after.json
    """
    if compare:
        _compare([runs.load(name) for name in compare], form)
        return
    path = unclaimed(path or Path(f"benchmark-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"), overwrite)
    session = None
    if given["http"] and given["url"]:
        target.require_consent(
            given["url"], f"{given['users']} learners will open pages for {given['duration']} s", given["own"]
        )
        session = _sign_in(target.Target(given["url"]), given)
    run = measure(site, given, session)
    runs.save(run, path)
    if form == "json":
        output.print_json(run)
    elif form == "csv":
        output.print_csv(
            [{**_facts(course), **runs.tiers(course, run["configuration"]["storage_in_use"])} for course in run["courses"]]
        )
    else:
        _summary(run)
        tables.tiers(run).show()
        tables.collector(run).show()
        tables.pages(run).show()
        tables.workers([run]).show()
    output.message(f"written to {path}")
    if any(course["error"] for course in run["courses"]) or any(row["errors"] for row in runs.pages(run)):
        raise SystemExit(ATTENTION)


def _facts(course: dict[str, Any]) -> dict[str, Any]:
    return {name: course[name] for name in ("key", "blocks", "bytes", "error")}


def _summary(run: runs.Run) -> None:
    """Print the slowest course first."""
    in_use = run["configuration"]["storage_in_use"]
    rows = [(course, runs.tiers(course, in_use)) for course in run["courses"]]
    for state in ("cold", "warm"):
        timed = [(times[state], times[f"{state}_from"], course["key"]) for course, times in rows if times[state] is not None]
        if timed:
            slowest, tier, key = max(timed)
            output.say(f"Slowest with a {state} cache: {tables.milliseconds(slowest)} ms from {tier}, {key}", rest="  ")
        else:
            output.say(f"No course was read with a {state} cache.")


def _compare(compared: list[runs.Run], form: str) -> None:
    """Print the comparison of two runs."""
    report = runs.compare(*compared)
    if form == "json":
        output.print_json(report)
    elif form == "csv":
        output.print_csv(report["courses"])
    else:
        tables.compared_tiers(report).show()
        tables.compared_pages(report).show()
        tables.workers(compared).show()


def _sign_in(where: target.Target, given: dict[str, Any]) -> load.Session:
    return load.sign_in(where, _account(where, given["learner"], given["username"]))


def measure(site: Site, given: dict[str, Any], session: load.Session | None) -> runs.Run:
    """Measure a site and return the run.

    given: the command's options by name. session: the learner's; None if the site's address is known only from its host.
    """
    report = play_for_report(
        "benchmark",
        site,
        block_structure_benchmark_courses=list(given["courses"]) or None,
        block_structure_benchmark_sample=given["sample"],
        block_structure_benchmark_repeats=given["repeats"],
        block_structure_benchmark_rebuilds=given["rebuilds"],
    )
    run: runs.Run = {
        "schema": runs.SCHEMA,
        "version": runs.VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "label": given["label"],
        **{name: report[name] for name in ("release", "platform", "courses", "servers", "limits", "configuration")},
        "runtime": report["runtime"],
        "servers_after": [],
        "workers_after": report["workers"],
        "http": None,
    }
    if given["http"]:
        run["http"], after = _over_http(site, given, report, session)
        run.update(servers_after=after["servers"], workers_after=after["workers"])
    return run


def _over_http(
    site: Site, given: dict[str, Any], report: dict[str, Any], session: load.Session | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    where = target.find(report["lms"], given["url"])
    learner = session or _sign_in(where, given)  # before anything is removed from the cache
    keys = [course["key"] for course in report["courses"] if not course["error"]]
    wanted = load.visits(keys, given["pages"] or ["outline", "blocks"], given["nav_depths"], learner.username)
    by_page: dict[str, list[dict[str, Any]]] = {}
    for visit in wanted:
        by_page.setdefault(runs.page_name(visit["page"], visit["nav_depth"]), []).append(visit)
    samples = []
    for number in range(1, given["cold_rounds"] + 1):
        for name, chosen in by_page.items():
            _clear_cache(site, keys)
            samples += load.group(_load_with_bar(f"cold, round {number}: {name}", where, learner, chosen, load.ONCE), "cold")
    # Every page once, so that the cache is warm.
    _load_with_bar("warming up", where, learner, wanted, load.ONCE)
    amount = load.Load(given["users"], given["spawn_rate"], given["duration"], given["think"])
    samples += load.group(_load_with_bar("warm", where, learner, wanted, amount), "warm")
    http = {
        "url": where.url,
        "users": given["users"],
        "spawn_rate": given["spawn_rate"],
        "duration_seconds": given["duration"],
        "think_seconds": list(given["think"]),
        "cold_rounds": given["cold_rounds"],
        "samples": _merge(samples),
    }
    return http, _clear_cache(site, [])


def _clear_cache(site: Site, keys: list[str]) -> dict[str, Any]:
    """Remove the cached structures of courses without timing, and return the report with the servers' counters."""
    report: dict[str, Any] = play_for_report(
        "benchmark", site, block_structure_benchmark_courses=[], block_structure_benchmark_forget=keys
    )
    return report


def _merge(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry per state, page and course, with all rounds merged."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for sample in samples:
        key = tuple(sample[name] for name in ("state", "page", "nav_depth", "course"))
        entry = merged.setdefault(key, {**sample, "ms": [], "errors": 0, "first_error": None})
        entry["ms"] = entry["ms"] + sample["ms"]
        entry["errors"] += sample["errors"]
        entry["first_error"] = entry["first_error"] or sample["first_error"]
    return list(merged.values())
