"""Moving objects without a platform: names, outcomes of a copy, the deploy afterwards, and reports."""

from __future__ import annotations

import json
import pickle
import types
import zlib

import pytest
from block_structure.module_utils.common import redact
from block_structure.module_utils.decisions import plan, storage_settings
from block_structure.module_utils.probe import protocol
from block_structure.module_utils.probe.engine import fetching
from block_structure.module_utils.probe.operations import move
from block_structure.plugin_utils.reports import move as move_report
from block_structure.plugin_utils.reports import progress
from hypothesis import given
from hypothesis import strategies as st

from .surveys import KEY, ROW, SETTINGS, survey

USAGE_KEY = "block-v1:ExampleX+1+2026+type@course+block@course"
WHOLE = zlib.compress(pickle.dumps(({"block": {}}, {}), protocol=2))
MOVED = {**SETTINGS, "DIRECTORY_PREFIX": "elsewhere/"}
PREFIXES = st.lists(st.sampled_from(["a", "courses", "x-y"]), max_size=3).map(
    lambda parts: "".join(f"{part}/" for part in parts)
)


class MemoryStorage:
    """Fake storage: objects in a dictionary, with faults on demand."""

    file_overwrite = True

    def __init__(self, **objects):
        self.objects = dict(objects)
        self.deleted = []
        self.garbles = False
        self.refuses = None

    def open(self, name):
        if self.refuses:
            raise self.refuses
        if name not in self.objects:
            raise FileNotFoundError(name)
        content = self.objects[name]

        class Stream:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                return None

            def read(self):
                return content

        return Stream()

    def save(self, name, content):
        if name in self.objects and not self.file_overwrite:
            name += "_other"
        self.objects[name] = content.read()[: -1 if self.garbles else None]
        return name

    def delete(self, name):
        self.deleted.append(name)
        del self.objects[name]

    def exists(self, name):
        return name in self.objects

    def size(self, name):
        with self.open(name) as stream:
            return len(stream.read())


class SpoolingStorage(MemoryStorage):
    """Like the resilient class: these objects are in the spool of this host and not in S3."""

    _normalize_name = staticmethod(str)

    def __init__(self, **objects):
        super().__init__(**objects)
        client = types.SimpleNamespace(get_object=self.get_object)
        self.bucket = types.SimpleNamespace(name="example", meta=types.SimpleNamespace(client=client))

    def get_object(self, **given):
        raise FileNotFoundError(given["Key"])

    def waiting(self):
        return [{"name": name} for name in self.objects]


def store(**objects):
    return fetching.Store(MemoryStorage(**objects))


@given(PREFIXES, PREFIXES)
def test_name_is_moved_once_and_keeps_its_timestamp(old, new):
    name = f"{old}{USAGE_KEY}/2026-11-25-031500-000001"
    moved = move.new_name(name, new, USAGE_KEY)
    assert moved == f"{new}{USAGE_KEY}/2026-11-25-031500-000001"
    assert protocol.is_under(moved, new)
    assert move.new_name(moved, new, USAGE_KEY) == moved


@pytest.mark.parametrize("old", ["", "courses", "/courses/", "courses/deep/"])
def test_prefixes_refused_by_the_role_are_still_removed(old):
    assert move.new_name(f"{old}{USAGE_KEY}/x", "elsewhere/", USAGE_KEY) == f"elsewhere/{USAGE_KEY}/x"


def test_old_course_keys_have_no_slash_in_object_names():
    assert move.new_name("x/i4x:__A_b_course_c/t", "e/", "i4x://A/b/course/c") == "e/i4x:__A_b_course_c/t"


@pytest.mark.parametrize(
    ("there", "done"),
    [({}, "copied"), ({"b": WHOLE}, "present"), ({"b": WHOLE[:-1] + b"?"}, "replaced"), ({"b": b""}, "replaced")],
)
def test_copy_is_compared_byte_by_byte(there, done):
    source, target = store(a=WHOLE), store(**there)
    assert move.copy(source, target, "a", "b") == {"done": done, "bytes": len(WHOLE)}
    assert target.backend.objects == {"b": WHOLE}
    assert source.backend.objects == {"a": WHOLE}
    assert target.backend.deleted == source.backend.deleted == []


def test_wrong_copy_is_deleted_first_if_storage_cannot_overwrite():
    target = store(b=b"?")
    target.backend.file_overwrite = False
    assert move.copy(store(a=WHOLE), target, "a", "b")["done"] == "replaced"
    assert target.backend.objects == {"b": WHOLE}


def test_a_copy_with_wrong_bytes_is_an_error():
    target = store()
    target.backend.garbles = True
    with pytest.raises(move.CopyError, match="the object read back differs from the one written"):
        move.copy(store(a=WHOLE), target, "a", "b")


def test_missing_or_damaged_source_is_not_copied():
    target = store()
    assert move.copy(store(), target, "a", "b") == {"done": "missing", "bytes": None}
    assert move.copy(store(a=WHOLE[:20]), target, "a", "b") == {"done": "damaged", "bytes": 20}
    assert target.backend.objects == {}


def test_spooled_object_is_copied_only_from_its_host():
    here, target = fetching.Store(SpoolingStorage(a=WHOLE)), store()
    assert move.predict(here, target, "a", "b") == {"done": "copy", "bytes": len(WHOLE)}
    assert move.copy(here, target, "a", "b") == {"done": "copied", "bytes": len(WHOLE)}
    assert target.backend.objects == {"b": WHOLE}
    assert here.backend.objects == {"a": WHOLE}
    assert move.copy(fetching.Store(SpoolingStorage()), target, "a", "c") == {"done": "missing", "bytes": None}


def test_unreadable_source_is_not_an_empty_source():
    source = store(a=WHOLE)
    source.backend.refuses = PermissionError("AccessDenied")
    for do in (move.copy, move.predict):
        with pytest.raises(PermissionError):
            do(source, store(), "a", "b")


def test_dry_run_reads_sizes_and_writes_nothing():
    target = store(b=WHOLE)
    assert move.predict(store(a=WHOLE), target, "a", "b") == {"done": "present", "bytes": len(WHOLE)}
    assert move.predict(store(a=WHOLE), target, "a", "c") == {"done": "copy", "bytes": len(WHOLE)}
    assert move.predict(store(), target, "a", "c")["done"] == "missing"
    assert target.backend.objects == {"b": WHOLE}


def test_rows_are_pointed_at_existing_copies_without_reading_the_source():
    source = store()
    source.backend.refuses = PermissionError("AccessDenied")
    assert move.adopt(source, store(b=WHOLE), "a", "b") == {"done": "present", "bytes": len(WHOLE)}
    target = store(a=WHOLE)
    assert move.adopt(target, target, "a", "b") == {"done": "copied", "bytes": len(WHOLE)}
    assert target.backend.objects == {"a": WHOLE, "b": WHOLE}


class Row:
    """Fake row of block_structure."""

    def __init__(self, number):
        self.data = type("File", (), {"name": f"x/{number}"})
        self.data_usage_key = type("Key", (), {"course_key": f"course-{number}", "__str__": lambda _: f"block-{number}"})()


def test_unavailable_service_ends_the_move_and_leaves_the_rest(capsys):
    class EndpointConnectionError(Exception):
        __module__ = "botocore.exceptions"

    def away(*_):
        raise EndpointConnectionError("it is away")

    mover = move.Mover(store(), store(), "y/", away, workers=1)
    reports = mover([Row(number) for number in range(9)])
    assert mover.outage == "storage"
    assert [report["done"] for report in reports].count("left") == 9 - move.PATIENCE
    assert '"event": "object"' in capsys.readouterr().out


@pytest.mark.parametrize(("shared", "workers", "threads"), [(True, 5, 5), (True, 0, fetching.THREADS), (False, 5, 1)])
def test_objects_are_copied_in_parallel_if_both_storages_allow_threads(shared, workers, threads):
    stores = store(), store()
    for one in stores if shared else stores[:1]:
        one.backend._connections = object()
    assert move.Mover(*stores, "y/", move.copy, workers=workers).threads == threads


def test_a_rollback_copies_by_the_names_that_the_rows_have(capsys):
    target = store()
    reports = move.Mover(store(**{"x/1": WHOLE}), target, None, move.copy, workers=1)([Row(1)])
    assert [(report["from"], report["name"], report["done"]) for report in reports] == [("x/1", "x/1", "copied")]
    assert target.backend.objects == {"x/1": WHOLE}
    assert '"object"' in capsys.readouterr().out


def test_a_move_says_how_far_it_is(capsys):
    move.Mover(store(), store(), "y/", move.copy, workers=1)([Row(number) for number in range(3)])
    reported = [json.loads(line[line.index("{") :]) for line in capsys.readouterr().out.splitlines()]
    last = {"event": "progress", "operation": "move", "done": 3, "total": 3, "failed": 0}
    assert last.items() <= reported[-1].items()


def test_where_rows_name_copies_an_object_that_is_nowhere_is_not_told_as_a_failure(capsys):
    mover = move.Mover(store(), store(), "y/", move.adopt, workers=1, reports=False)
    assert [report["done"] for report in mover([Row(1)])] == ["missing"]
    assert '"object"' not in capsys.readouterr().out


def test_objects_are_moved_to_and_read_from_a_new_location():
    made = plan.make(survey(), plan.Target(MOVED, ROW, {}, moved=True))
    assert [change.as_dict() for change in made.changes] == [{"field": "objects", "before": None, "after": {"rename": [KEY]}}]
    assert [operation["op"] for operation in made.operations] == ["repoint", "generate", "survey"]
    assert made.operations[1]["select"] == {"only": ["missing", "stale", "broken"]}


def test_new_bucket_keeps_names_and_is_read():
    bucket = {**SETTINGS, "STORAGE_KWARGS": {**SETTINGS["STORAGE_KWARGS"], "bucket_name": "other"}}
    made = plan.make(survey(), plan.Target(bucket, ROW, {}, moved=True))
    assert (made.changes, made.courses) == ([], [])
    assert [operation["op"] for operation in made.operations] == ["generate", "survey"]


@pytest.mark.parametrize("course", [{"fresh": False}, {"object_exists": False}, {"row": False, "object": None}])
def test_course_that_cannot_be_moved_is_generated(course):
    assert plan.make(survey(**course), plan.Target(MOVED, ROW, {}, moved=True)).courses == [KEY]


def test_next_deploy_finishes_one_interrupted_between_settings_and_rows():
    now = survey()
    now["settings"]["block_structures"] = {**now["settings"]["block_structures"], **MOVED}
    made = plan.make(now, plan.Target(MOVED, ROW, {}, moved=True))
    assert [operation["op"] for operation in made.operations] == ["repoint", "generate", "survey"]
    assert plan.make(now, plan.Target(MOVED, ROW, {}, moved=False)).operations == []


def test_site_without_rows_has_nothing_to_move():
    made = plan.make(survey(row=False, object=None, object_exists=False), plan.Target(MOVED, ROW, {}, moved=True))
    assert [operation.get("select") for operation in made.operations] == [
        {"courses": [KEY], "force": True, "absent_is_gone": True},
        {"only": ["missing", "stale"]},
        None,
    ]


def test_move_boots_only_if_there_is_something_to_move():
    assert plan.has_to_move(survey(), MOVED)
    assert not plan.has_to_move(survey(), SETTINGS)
    assert not plan.has_to_move(survey(row=False, object=None, object_exists=False), MOVED)


def given_back(*objects, **result):
    entry = {"problem": None, "canary": {"name": "x", "public": False}, "objects": list(objects), "outage": None}
    return {"results": [{**entry, "ended": "done", "seconds": 1.0, **result}], "ended": result.get("ended", "done"), "run": "r"}


def moved(done, **more):
    return {"key": KEY, "from": "x", "name": "y", "done": done, "bytes": 1048576, **more}


PROBLEM = {"type": "ClientError", "code": "AccessDenied", "message": "An error occurred"}
LEFT = {"problem": {**PROBLEM, "step": "write"}}


@pytest.mark.parametrize(
    ("done", "code", "text"),
    [
        (given_back(moved("copied"), moved("present")), 0, ""),
        (given_back(moved("missing"), moved("damaged"), moved("unverified")), 0, ""),
        (
            given_back(moved("failed", problem=PROBLEM)),
            1,
            (
                "x could not be copied: S3 does not allow it (ClientError: An error occurred)\n"
                "Remedy: fix the causes in the messages and run again, or set block_structure_manage_move to false, which "
                "generates every course at the new location; the settings were not changed."
            ),
        ),
        (
            given_back(problem={"type": "TypeError", "code": None, "message": "no such argument"}),
            3,
            (
                "The target storage cannot be created: TypeError: no such argument\n"
                "Remedy: correct the block_structure_storage_ variables in the message; nothing was copied."
            ),
        ),
        (
            given_back(canary=LEFT),
            3,
            (
                "The LMS cannot write an object in its storage: S3 does not allow it (ClientError: An error occurred)\n"
                "Remedy: attach the policy in block_structure_result.lms_iam_policy to these credentials."
            ),
        ),
        (
            given_back(moved("left"), ended="outage", outage="storage"),
            3,
            (
                "The storage does not answer; 1 objects are left.\n"
                "Remedy: fix it, then start it again; objects that are already there are only compared."
            ),
        ),
        (
            {"results": [], "ended": "stopped", "run": "r"},
            130,
            "The move was stopped.\nRemedy: start it again; objects that are already there are only compared.",
        ),
        (
            {"failed": True, "msg": "Timeout exceeded"},
            3,
            "The run broke off: Timeout exceeded\nRemedy: start it again; objects that are already there are only compared.",
        ),
    ],
)
def test_each_outcome_has_its_exit_code_and_message(done, code, text):
    reported = move_report.report(done)
    assert (reported["exit_code"], move_report.failure_text(reported)) == (code, text)


def test_many_failures_are_counted_and_told_last():
    reported = move_report.report(given_back(*[moved("failed", problem=PROBLEM)] * 12, moved("copied")))
    assert reported["counts"] == {"copied": 1, "failed": 12}
    assert reported["objects"][0]["done"] == "copied"
    assert "2 more failed as well." in move_report.failure_text(reported)


def test_report_summary():
    reported = move_report.report(given_back(moved("copied"), moved("replaced"), moved("missing")))
    assert move_report.summary(reported) == [
        (
            "3 objects: 1 copied and read back, 1 replaced, since the target differed, "
            "1 missing at the source, to be generated (2.0 MiB)"
        ),
        "nothing is deleted at the source",
    ]
    assert move_report.summary(move_report.report(move_report.NOTHING)) == ["there are no objects to move"]


def test_a_failed_copy_is_reported_as_it_happens():
    event = {"event": "object", **moved("failed", problem=PROBLEM)}
    assert progress.Progress().lines(event) == ["x could not be copied: ClientError: An error occurred"]


def test_resilient_settings_reduce_to_the_plain_ones(release):
    options = storage_settings.StorageOptions(bucket="b-c", prefix="courses/", storage_class="resilient")
    row = release("teak")
    resilient = storage_settings.build(options, row).public
    plain = storage_settings.build(storage_settings.StorageOptions(bucket="b-c", prefix="courses/"), row).public
    assert storage_settings.without_help(resilient, row) == plain
    assert storage_settings.without_help(plain, row) == plain


def test_secrets_are_scrubbed_from_events_at_any_depth():
    event = {"problem": {"message": "the key hush-hush"}, "list": ["hush-hush", 1, None]}
    assert redact.scrub_all(event, ["hush-hush"]) == {"problem": {"message": "the key (secret)"}, "list": ["(secret)", 1, None]}
