"""`report`: measurements and findings as one HTML page to share."""

from __future__ import annotations

from pathlib import Path

import click

from .. import history, output
from ..exits import ATTENTION, USAGE, Failure
from ..options import document_format_option, overwrite_option, unclaimed
from ..saved import DAMAGE

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@document_format_option
@click.option(
    "--diagnosis",
    "diagnoses",
    multiple=True,
    type=_FILE,
    help="JSON of `diagnose`; repeat it, newest last, to show evictions over time.",
)
@click.option("--before", type=_FILE, help="Run file of `benchmark` before the change.")
@click.option("--after", type=_FILE, help="Run file after it, or the only one.")
@click.option("--run", "further", multiple=True, type=_FILE, help="More run files, for evictions over time.")
@click.option("--profile", "profiles", multiple=True, type=_FILE, help="profile.json of `profile`.")
@click.option("--collector", "bench", type=_FILE, help="runtime.json of `make bench-runtime`.")
@click.option(
    "--history",
    "histories",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="History of `watch --history`, or a folder with diagnoses, to show the site over time.",
)
@click.option("--title", default="Block structures: course pages of this site", show_default=True, help="Heading of the page.")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    help="File to write.",
)
@overwrite_option
def command(
    form: str,
    diagnoses: tuple[Path, ...],
    before: Path | None,
    after: Path | None,
    further: tuple[Path, ...],
    profiles: tuple[Path, ...],
    bench: Path | None,
    histories: tuple[Path, ...],
    title: str,
    path: Path,
    overwrite: bool,
) -> None:
    """Write measurements and findings as one HTML page.

    Contacts no host, and the page needs no network.

    \b
    Examples:
      block-structure report --before before.json --after after.json -o report.html
      block-structure diagnose -i inventory/production --format json -o diagnosis.json
      block-structure report --diagnosis diagnosis.json --after after.json --profile cold/profile.json
    """
    from .. import report, runs

    unclaimed(path, overwrite)
    records, damaged = history.load(histories) if histories else ([], [])
    for where in damaged:
        output.message(f"{where} is not a diagnosis and is left out.")
    sources = report.Sources(
        before=runs.load(before) if before else None,
        after=runs.load(after) if after else None,
        further=[runs.load(name) for name in further],
        diagnoses=[report.load_diagnosis(name) for name in diagnoses],
        profiles=[report.load_profile(name) for name in profiles],
        bench=report.load_bench(bench) if bench else None,
        history=records,
    )
    if not any((sources.diagnoses, sources.runs, sources.bench)):
        raise Failure("There is nothing to report.", "name a file with --diagnosis, --before, --after or --collector.", USAGE)
    try:
        page, reported = report.html(sources, title), report.summary(sources)
    except DAMAGE as error:
        raise report.damaged(sources, error) from error
    output.write(path, page)
    if form == "json":
        output.print_json({"report": str(path), **reported})
    else:
        for line in f"{reported['line']}\n{reported['text']}".strip().splitlines():
            output.say(line, rest="  ")
    if reported["state"] == "bad":
        raise SystemExit(ATTENTION)
