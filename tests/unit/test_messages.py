"""The catalogue of messages: each has a cause and a remedy that read as sentences, and names a variable that exists."""

from __future__ import annotations

import re

import messages
import pytest
from block_structure.plugin_utils import role_variables
from block_structure.plugin_utils.diagnosis import catalogue
from block_structure_cli import wording

from .conftest import ROOT

MESSAGES = messages.collect(ROOT)


def test_the_catalogue_has_refusals_and_findings():
    assert len(MESSAGES) > 120
    assert {message.severity for message in MESSAGES} >= {"error", "warning", "info"}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.identifier)
def test_a_message_is_two_sentences_and_names_a_variable_that_exists(message):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", message.identifier)
    assert message.cause
    assert message.remedy
    assert "\n" not in message.cause.strip()
    assert "\n" not in message.remedy.strip()
    if message.variable and "…" not in message.variable:
        assert message.variable in role_variables.options()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.identifier)
def test_a_message_names_a_playbook_as_every_reader_has_it(message):
    """By the collection's name, which the command and Tutor's plugin replace by their own; a path is only in a clone."""
    said = f"{message.cause} {message.remedy}"
    assert "playbooks/" not in said
    for name in re.findall(r"\brun openedx_operators\.block_structure\.([a-z_]+)", said):
        assert (ROOT / "playbooks" / f"{name}.yml").exists()
        assert f"`block-structure {name}`" in wording.of_command(said)
    assert "openedx_operators" not in wording.of_command(said)


def test_every_finding_that_is_described_can_be_raised():
    """Those of courses, and of processes that differ, have an identifier that is chosen at run time."""
    courses = {"course-not-stored", "object-missing", "object-corrupt", "object-not-verified", "object-unreadable"}
    chosen = {*courses, "studio-differs", "workers-differ"}
    raised = {message.identifier for message in MESSAGES}
    assert set(catalogue.CATALOGUE) - raised <= chosen


def test_a_finding_has_the_severities_of_the_catalogue_and_otherwise_one():
    """A refusal is an `error` beside them: it stops a run."""
    severities: dict[str, set[str]] = {}
    for message in MESSAGES:
        severities.setdefault(message.identifier, set()).update({message.severity} - {"…", "error"})
    for name, found in severities.items():
        entry = catalogue.CATALOGUE.get(name)
        assert found <= set(entry.severities) if entry else len(found) <= 1, name


REFUSALS = messages.refusals(ROOT)


def test_the_refusals_of_the_command_line_are_catalogued():
    assert len(REFUSALS) > 25
    assert {refusal.code for refusal in REFUSALS} == set(messages.CODES)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.cause[:40])
def test_a_refusal_is_one_sentence_of_cause_and_one_of_remedy(refusal):
    assert re.fullmatch(r"[^\n]+[.…]", refusal.cause)
    assert re.fullmatch(r"[^\n]+[.…]", refusal.remedy)
