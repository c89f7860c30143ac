"""`profile`: where one outline request spends its time inside the LMS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from block_structure.plugin_utils.reports import profiling

from .. import output, tables
from ..exits import ATTENTION, ENVIRONMENT, USAGE, Failure
from ..options import Site, format_option, overwrite_option, site_options, unclaimed
from ..runner import play_for_report


def summary(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the summary of a profile: the request, its parts and the apps."""
    return {
        **{name: profile[name] for name in ("course", "cold", "username", "request")},
        "parts": profiling.parts(profile),
        "apps": profiling.apps(profile),
    }


def write(profile: dict[str, Any], folder: Path) -> list[Path]:
    """Write profile.json, flamegraph.svg, speedscope.json and callgraph.svg (.dot without Graphviz); return the paths."""
    from .. import pictures

    drawn = pictures.callgraph(profile)
    files = {"profile.json": json.dumps(profile), "flamegraph.svg": pictures.flamegraph(profile)}
    files["speedscope.json"] = json.dumps(pictures.speedscope(profile))
    files.update({"callgraph.svg": drawn} if drawn else {"callgraph.dot": pictures.dot(profile)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror}.", "name another folder with --output.", USAGE) from error
    if not drawn:
        output.message(
            "Graphviz is not installed, so the call graph was written as callgraph.dot.\nRemedy: apt-get install graphviz."
        )
    return [folder / name for name in files]


@click.command()
@site_options
@format_option
@click.option("--course", required=True, help="Key of the course whose outline to open.")
@click.option("--username", help="User who opens it. Default: the first active superuser or staff member.")
@click.option(
    "--cold/--warm",
    default=False,
    show_default=True,
    help="Whether to remove the course's cached structure before each request.",
)
@click.option(
    "--top", type=click.IntRange(1, 1000), default=15, show_default=True, help="Number of apps in the table; JSON has all."
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to. Default: profile-TIME.",
)
@overwrite_option
def command(
    site: Site,
    form: str,
    course: str,
    username: str | None,
    cold: bool,
    top: int,
    folder: Path | None,
    overwrite: bool,
) -> None:
    """Show where one outline request spends its time in the LMS.

    The request runs the LMS's middleware and view in a separate process: learners are not affected, and the site does not
    change (with --cold the course's cached structure is removed, and the request caches it again). Writes profile.json, a flame
    graph, a file for the viewer speedscope and a call graph.

    \b
    Examples:
      block-structure profile -i inventory/production --course course-v1:Example+Demo+2026
      block-structure profile -i inventory/production --course course-v1:Example+Demo+2026 --cold -o cold
    """
    folder = unclaimed(folder or Path(f"profile-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"), overwrite)
    profile = play_for_report(
        "profile",
        site,
        block_structure_profile_course=course,
        block_structure_profile_username=username,
        block_structure_profile_cold=cold,
    )
    request = profile["request"]
    if request["status"] != 200:
        raise Failure(
            f"The outline answered HTTP {request['status']}: {' '.join(str(request['body']).split())}",
            "name an existing course with --course, and a user who may see it with --username.",
            ENVIRONMENT,
        )
    written = write(profile, folder)
    if form == "json":
        output.print_json(summary(profile))
    elif form == "csv":
        output.print_csv(profiling.apps(profile))
    else:
        tables.profile_parts(profile).show()
        tables.profile_apps(profile, top).show()
    output.message("written: " + ", ".join(str(path) for path in written))
    if not profiling.reads_structure(profile):
        output.message(
            f"The page did not read the course's structure: {profile['username']} may not see the course.\n"
            "Remedy: name an enrolled learner or a staff member with --username."
        )
        raise SystemExit(ATTENTION)
