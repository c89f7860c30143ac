"""The contract: one row a behaviour, with the source that says so.

A row's id is the name of the observation in contract_program/ (for rows of a running process) or of the question in
test_contract.py (for rows of a whole command). `expected` is what the observation returns on a platform of the release; the
release is a row of the role's own table, so that table, miniature and platform are held against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .releases import ContractRelease

MODELS = "edx-platform block_structure/models.py"
STORE = "edx-platform block_structure/store.py"
MANAGER = "edx-platform block_structure/manager.py"
COMMAND = "edx-platform block_structure/management/commands/generate_course_blocks.py"
SIGNALS = "edx-platform block_structure/signals.py"
TASKS = "edx-platform block_structure/tasks.py"
SETTINGS = "edx-platform lms/envs/production.py"
MEASURED_TEAK = "measured on a running LMS of mid-2025 (Teak), 2026-11-23"
MEASURED_SUMAC = "measured on a running LMS of 2024-09 (Redwood to Sumac), 2026-11-23"
S3BOTO3_AND_LATER = ("storages.backends.s3boto3.S3Boto3Storage",)
READ = {"rebuilds": 0, "storage_reads": 1}
WARM = {"rebuilds": 0, "storage_reads": 0}
# Names that some version of django-storages takes as arguments and does not keep as attributes.
ARGUMENTS = {"acl", "bucket", "cloudfront_key", "cloudfront_key_id", "cloudfront_signer"}
REBUILT = {"rebuilds": 1, "storage_reads": 0}


@dataclass(frozen=True)
class Row:
    """One behaviour.

    id: name of the observation.
    behaviour: the behaviour in one sentence.
    source: where it was read or measured.
    expected: the value, or a function of the release that returns it.
    applies: whether the release has the behaviour's subject at all.
    """

    id: str
    behaviour: str
    source: str
    expected: Any | Callable[[ContractRelease], Any]
    applies: Callable[[ContractRelease], bool] = lambda _release: True

    def value(self, release: ContractRelease) -> Any:
        """Return what the release shows; a tuple holds alternatives."""
        return self.expected(release) if callable(self.expected) else self.expected


def has_switch(release: ContractRelease) -> bool:
    """Return whether storage waits for a switch."""
    return release.storage_switch is not None


def invalidates(release: ContractRelease) -> bool:
    """Return whether a switch has a publish clear the structure."""
    return any(name.endswith(".invalidate_cache_on_publish") for name in release.switches)


def kept_files(release: ContractRelease) -> int:
    """Return how many of four files are left with two versions to keep and PRUNING_ACTIVE off."""
    return 4 if release.pruning_active_honoured else 2


def cap(release: ContractRelease) -> dict[str, Any]:
    """Return which of the sizes just below and at 2 MiB are written, and how many log lines that takes."""
    written = [-1, 0] if release.cache_cap_bytes is None else [-1]
    return {"written": written, "messages": len(written)}


def key_hash(release: ContractRelease) -> tuple[dict[str, Any], ...]:
    """Return the digest of long keys on a site that works; before Teak the feature decides."""
    kinds = [release.cache_key_hash] + ["blake2b"] * release.blake2b_feature
    return tuple({"short": True, "hash": kind} for kind in kinds)


def enqueued(release: ContractRelease) -> dict[str, Any]:
    """Return what an enqueued task carries."""
    kwargs: dict[str, Any] = {"course_id": "course-0"}
    if release.with_storage_option:
        kwargs["with_storage"] = False
    return {"kwargs": kwargs, "routing_key": "edx.lms.core.low"}


def s3_classes(release: ContractRelease) -> list[str]:
    """Return the classes that import, of those that every release was asked for."""
    asked = ("storages.backends.s3boto.S3BotoStorage", "storages.backends.s3boto3.S3Boto3Storage")
    return [name for name in (*asked, "storages.backends.s3.S3Storage") if name in release.storage_classes]


ROWS = [
    # Cache, storage, modulestore
    Row(
        "structures_live_in_the_default_cache",
        "Structures live in Django's default cache, not in course_structure_cache.",
        "edx-platform block_structure/api.py",
        "here",
    ),
    Row(
        "a_total_miss_rebuilds_stores_and_caches",
        "A read that finds nothing rebuilds from the modulestore, writes row and file, and caches.",
        f"{MANAGER}; {MEASURED_TEAK}",
        {**REBUILT, "row": True, "files": 1, "cached": True},
    ),
    Row(
        "a_structure_has_the_blocks_of_the_course",
        "The structure has every block of the course once, below the course block.",
        "edx-platform block_structure/factory.py",
        {"blocks": 6, "root": True},
    ),
    Row(
        "dates_mean_this",
        "A date field takes a text with day and month, and an aware date is what it means; the work is in one method.",
        "edx-platform xmodule/fields.py",
        {
            "values": [
                "2030-01-31 05:00:00+00:00",
                "2030-01-31 05:00:00+03:00",
                "2030-01-31 00:00:00+00:00",
                "None",
                "None",
                "None",
            ],
            "parsed_here": "2030-01-31 05:00:00+00:00",
        },
    ),
    Row(
        "a_managers_store_can_be_watched",
        "A manager keeps its store as `store`, may be given another, and adds one structure in an update.",
        MANAGER,
        {"added": [6], "returned": None},
    ),
    Row(
        "active_learners_are_counted_by_course",
        "CourseEnrollment counts by course_id with is_active, in two column names that all releases have.",
        "edx-platform common/djangoapps/student/models/course_enrollment.py",
        {"table": "student_courseenrollment", "of_this_course": 0},
    ),
    Row("a_warm_cache_answers_alone", "A cached structure is read from the cache alone.", STORE, WARM),
    Row(
        "a_cold_cache_is_filled_from_the_storage",
        "A read that misses the cache reads the storage, rebuilds nothing, and caches again.",
        f"{STORE}; {MEASURED_SUMAC}",
        {**READ, "cached": True},
    ),
    Row(
        "a_missing_file_is_made_again_once_the_cache_is_cold",
        "A missing file is not noticed while the cache is warm, and is made again by a rebuild once it is cold.",
        f"{MODELS}; {MEASURED_TEAK}",
        {"warm": {**WARM, "files": 0}, "cold": {"rebuilds": 1, "storage_reads": 1, "files": 1}},
    ),
    Row(
        "what_does_not_unpickle",
        "A cache entry that does not unpickle counts as not found; Ironwood raises what unpickling raised.",
        f"{STORE} of 2018 and of 2023-03",
        lambda release: release.unpickle_errors,
    ),
    Row(
        "staleness_is_not_looked_at",
        "A plain read or run returns the stored structure also after a publish.",
        f"{MANAGER}; {MEASURED_SUMAC}",
        {**WARM, "same_version": True},
    ),
    Row(
        "an_update_always_rebuilds",
        "An update (--force_update) rebuilds every time.",
        f"{STORE}; {MEASURED_TEAK}",
        [1, 1],
    ),
    Row(
        "the_platform_never_finds_a_row_fresh",
        "The platform's own freshness check compares text with an ObjectId and is never true.",
        f"{STORE}; {MEASURED_TEAK}",
        False,
    ),
    Row(
        "all_versions_agree_once_both_sides_are_text",
        "With both sides as text, all version fields of a fresh row equal the modulestore's.",
        MEASURED_TEAK,
        {"data_version": True, "data_edit_timestamp": True, "transformers": True, "schema": "2"},
    ),
    Row(
        "the_course_index_has_the_version",
        "The SQL course index's published_version equals a fresh row's data_version.",
        f"edx-platform split_modulestore_django/models.py; {MEASURED_TEAK}",
        True,
        lambda release: release.course_index == "sql",
    ),
    Row(
        "an_index_row_without_a_published_version_has_an_empty_one",
        "A course that was never published has an empty published_version in the SQL course index, never NULL.",
        "edx-platform split_modulestore_django/models.py",
        {"null": False, "blank": True},
        lambda release: release.course_index == "sql",
    ),
    Row(
        "the_course_index_is_here",
        "The index of courses is an SQL model from Maple, a collection of MongoDB before.",
        "edx-platform split_modulestore_django/models.py, absent in 2018",
        lambda release: release.course_index,
    ),
    Row(
        "the_cache_key_is_the_row_as_text",
        "The cache key is the row's text: usage key and the four version fields.",
        STORE,
        {
            "text": True,
            "fields": [
                "data_usage_key",
                "data_version",
                "data_edit_timestamp",
                "transformers_schema_version",
                "block_structure_schema_version",
            ],
        },
    ),
    Row(
        "a_file_is_named_after_prefix_key_and_time",
        "A file is named DIRECTORY_PREFIX as it is, the usage key, a slash, the time in UTC without colons.",
        f"{MODELS}; {MEASURED_TEAK}",
        True,
    ),
    Row(
        "clearing_leaves_the_file",
        "Clearing deletes row and cache entry and leaves the file; clearing again raises BlockStructureNotFound.",
        STORE,
        {"row": False, "files": 1, "cached": False, "again": "BlockStructureNotFound"},
    ),
    Row(
        "the_tables_have_these_names",
        "Rows live in block_structure, the configuration in block_structure_config.",
        MODELS,
        ["block_structure", "block_structure_config"],
    ),
    Row(
        "long_cache_keys_are_hashed",
        "Keys over 250 characters are replaced by a digest: md4 before Teak (unless the feature says blake2b), then blake2b.",
        f"edx-platform common/djangoapps/util/memcache.py; {MEASURED_SUMAC}",
        key_hash,
    ),
    Row(
        "a_new_modulestore_comes_after_clearing",
        "clear_existing_modulestores() has the next use make a new store.",
        "edx-platform xmodule/modulestore/django.py",
        True,
    ),
    Row(
        "a_forked_worker_generates",
        "A process forked after its connections, caches and modulestore were closed generates, and so does its parent.",
        MEASURED_TEAK,
        {"status": 0, "files": True, "parent": WARM},
    ),
    Row(
        "a_failed_write_leaves_no_row",
        "An error of the storage on write is raised, and the row is rolled back.",
        MODELS,
        {"raised": "OSError", "row": False},
    ),
    Row(
        "a_read_error_other_than_not_found_is_raised",
        "Reading turns a missing file and a suspicious path into BlockStructureNotFound; all else is raised.",
        f"{MODELS}; {MEASURED_SUMAC}",
        {
            "missing": "BlockStructureNotFound",
            "suspicious": "BlockStructureNotFound",
            "refused": "PermissionError",
            "other": "RuntimeError",
        },
    ),
    Row(
        "the_storage_is_made_by_this",
        "The storage comes from get_storage through Teak, from resolve_storage_backend after it.",
        MODELS,
        lambda release: [release.storage_resolver],
    ),
    # Switches
    Row(
        "the_switches_are_these",
        "The release has these switches and no others.",
        "edx-platform block_structure/config/__init__.py; pull requests 31633, 32517, 35185",
        lambda release: sorted(name.partition(".")[2] for name in release.switches),
    ),
    Row(
        "switches_are_asked_like_this",
        "Until Koa switches are names in a namespace, from Lilac objects.",
        "edx-platform block_structure/config/__init__.py of 2018 and of 2023-03",
        lambda release: release.switch_api,
        has_switch,
    ),
    Row(
        "a_miss_with_the_raise_switch_is_an_error",
        "With raise_error_when_not_found a miss is an error and nothing is rebuilt, but an update rebuilds all the same.",
        f"{MANAGER} of 2018, pull request 31633",
        {"get": "BlockStructureNotFound", "update": "accepted", "after": WARM},
        lambda release: any(name.endswith(".raise_error_when_not_found") for name in release.switches),
    ),
    # The storage switch
    Row(
        "without_storage_only_the_cache_is_written",
        "With the storage switch off a rebuild writes the cache alone, under v2.root.key.<usage key>.",
        f"{STORE} until Sumac; {MEASURED_SUMAC}",
        {**REBUILT, "row": False, "files": 0, "cached": True, "key": True},
        has_switch,
    ),
    Row(
        "without_storage_a_row_is_not_read",
        "With the storage switch off an existing row and file are ignored.",
        f"{STORE} until Sumac; {MEASURED_SUMAC}",
        REBUILT,
        has_switch,
    ),
    Row(
        "a_publish_without_storage_leaves_a_stale_row",
        "A publish while the switch is off leaves the row stale; once it is on only an update fixes that.",
        MEASURED_SUMAC,
        {**WARM, "stale": True, "plain_run_heals": False, "update_heals": 1},
        has_switch,
    ),
    # Limits
    Row(
        "structures_from_the_cap_on_are_not_cached",
        "From Teak structures of 2 MiB and more are not cached, and nothing is logged.",
        STORE,
        cap,
    ),
    Row(
        "timeouts_are_kept_like_this",
        "A timeout of None never expires, over 30 days works, 0 and less is not cached.",
        f"{MEASURED_TEAK}; {MEASURED_SUMAC}",
        {"None": True, "60": True, "2678400": True, "0": False, "-1": False},
    ),
    Row(
        "old_files_are_pruned_like_this",
        "The newest files are kept; 0 and less deletes the file just written too; None prunes nothing.",
        f"{MODELS}; {MEASURED_TEAK}",
        {"3": 3, "1": 1, "0": 0, "-1": 0, "None": 4},
    ),
    Row(
        "pruning_does_not_need_the_setting",
        "PRUNING_ACTIVE is honoured until Palm and ignored from Quince.",
        MODELS,
        kept_files,
    ),
    Row(
        "the_configuration_defaults_are_these",
        "Without a configuration row 5 versions are kept and structures are cached for a day.",
        "edx-platform block_structure/config/models.py",
        [5, 86400],
    ),
    Row(
        "the_newest_configuration_row_wins_even_if_not_enabled",
        "The newest configuration row is active, whether it is enabled or not.",
        f"django-config-models; {MEASURED_TEAK}",
        [2, 60],
    ),
    Row(
        "the_configuration_is_read_once_in_a_process",
        "A process without requests keeps the first answer until its request cache is cleared.",
        "edx-platform block_structure/config/__init__.py",
        {"kept": True, "after_clearing": -7},
    ),
    Row(
        "what_the_cache_refuses_is_dropped_silently",
        "python-memcached drops values over 1 MiB silently; pymemcache has no limit of its own.",
        "python-memcached 1.59; facts measured with both clients, 2026-11-23",
        lambda release: (
            {"client_limit": None}
            if release.client_item_limit_bytes is None
            else {"client_limit": release.client_item_limit_bytes, "found": False}
        ),
    ),
    Row(
        "the_cache_is_asked_by_this_library",
        "A native site asks memcached by python-memcached until Palm, by pymemcache from Quince.",
        "configuration EDXAPP_CACHE_BACKEND; Django's cache backends",
        lambda release: {"python-memcached": "memcache", "pymemcache": "pymemcache"}[release.cache_client],
    ),
    # The storage
    Row(
        "an_entry_of_storages_comes_first",
        "From Ulmo an entry block_structures_settings in STORAGES takes the place of STORAGE_CLASS.",
        "edx-platform issue 37273; common/djangoapps/util/storage.py of 2026",
        lambda release: release.storages_setting,
    ),
    Row(
        "unknown_keyword_arguments",
        "Unknown keyword arguments are ignored up to django-storages 1.9 and refused from 1.10.",
        f"django-storages; {MEASURED_SUMAC}",
        lambda release: "accepted" if release.unknown_kwargs == "ignored" else "ImproperlyConfigured",
    ),
    Row(
        "lists_as_keyword_arguments",
        "Lists and dicts among the keyword arguments raise TypeError wherever get_storage caches its results.",
        f"edx-platform openedx/core/storage.py; {MEASURED_TEAK}",
        lambda release: "accepted" if release.unhashable_kwargs else "TypeError",
    ),
    Row(
        "keyword_arguments_that_are_refused",
        "These names of keyword arguments stop Django from starting.",
        "django-storages 1.4.1 to 1.14.6",
        lambda release: sorted(release.storage_kwargs_refused),
    ),
    Row(
        "keyword_arguments_that_do_something",
        "These names are attributes of the storage, which is what a keyword argument sets.",
        "django-storages 1.4.1 to 1.14.6",
        lambda release: sorted(set(release.storage_kwargs_valid) - ARGUMENTS),
        # The miniature's Ironwood has a newer django-storages than Ironwood had.
        lambda release: release.storage_class in S3BOTO3_AND_LATER,
    ),
    Row(
        "keyword_arguments_that_do_nothing",
        "These names of keyword arguments are taken and change nothing.",
        "django-storages 1.4.1 to 1.14.6",
        lambda release: sorted(set(release.storage_kwargs_ignored) - ARGUMENTS),
        lambda release: release.storage_class in S3BOTO3_AND_LATER,
    ),
    Row(
        "a_location_with_a_leading_slash",
        "A location with a leading slash is refused.",
        "django-storages",
        "ImproperlyConfigured",
    ),
    Row(
        "a_class_that_does_not_exist",
        "A storage class that can't be imported raises ModuleNotFoundError.",
        "Django import_string",
        "ModuleNotFoundError",
    ),
    Row(
        "storage_classes_that_import",
        "These S3 classes import, of three that the releases name.",
        f"django-storages; {MEASURED_SUMAC}",
        s3_classes,
    ),
    Row(
        "objects_are_public_unless_the_acl_is_given",
        "Without default_acl the LMS writes objects as public-read; private and null are taken as they are.",
        f"{SETTINGS}, django-storages 1.8; {MEASURED_TEAK}",
        {"default": "public-read", "explicit": ["private", None]},
    ),
    Row(
        "a_prefix_with_a_leading_slash",
        "A DIRECTORY_PREFIX with a leading slash raises SuspiciousFileOperation on write.",
        f"{MEASURED_TEAK}; {MEASURED_SUMAC}",
        {"raised": "SuspiciousFileOperation", "row": False},
    ),
    # Publishing and tasks
    Row(
        "a_publish_queues_an_update_after_the_delay",
        "A publish queues update_course_in_cache_v2 for the course, COURSE_PUBLISH_TASK_DELAY seconds later.",
        SIGNALS,
        {"course": True, "delay": True},
    ),
    Row(
        "a_publish_clears_the_structure_with_the_switch",
        "Until Palm a publish clears row and cache entry where invalidate_cache_on_publish is on.",
        SIGNALS,
        {"False": {"row": True, "cached": True}, "True": {"row": False, "cached": False}},
        invalidates,
    ),
    Row(
        "a_new_course_with_the_switch_is_queued",
        "With invalidate_cache_on_publish a new course's publish ends in an error until Koa, and queues nothing.",
        f"{SIGNALS}, pull request 25543",
        lambda release: "BlockStructureNotFound" if release.publish_needs_row else "accepted",
        invalidates,
    ),
    Row(
        "a_publish_clears_nothing_without_a_switch",
        "From Quince a publish clears nothing.",
        SIGNALS,
        {"row": True, "cached": True},
        lambda release: not invalidates(release),
    ),
    Row(
        "tasks_retry_as_the_settings_say",
        "Tasks take their retries from TASK_DEFAULT_RETRY_DELAY and TASK_MAX_RETRIES.",
        TASKS,
        {"delay": True, "retries": True},
    ),
    Row(
        "tasks_have_these_names",
        "The tasks are named after their module, as messages of other processes name them.",
        TASKS,
        ["update_course_in_cache_v2", "get_course_in_cache_v2"],
    ),
    Row(
        "a_message_with_storage_is_stored",
        "A task that carries with_storage stores, whatever the switch says; from Teak the argument is accepted and ignored.",
        TASKS,
        {"state": "SUCCESS", "row": True},
    ),
    # The command
    Row(
        "options_that_are_refused",
        "The command wants exactly one of --courses and --all_courses, and refuses options that need another.",
        f"{COMMAND}, openedx/core/lib/command_utils.py",
        {
            "none": "Must specify exactly one of --courses, --all_courses",
            "both": "Must specify exactly one of --courses, --all_courses",
            "routing_key": "Option --routing_key requires option --enqueue_task.",
            "start_index": "Option --start_index requires option --all_courses.",
            "end_index": "Option --end_index requires option --all_courses.",
            "bad_key": "Invalid key specified",
        },
    ),
    Row(
        "indices_select_like_this",
        "--end_index counts only together with a --start_index other than 0.",
        COMMAND,
        {"0-0": [0, 1, 2, 3, 4], "2-0": [2, 3, 4], "1-3": [1, 2], "0-3": [0, 1, 2, 3, 4]},
    ),
    Row("force_updates_and_plain_gets", "--force_update updates, a plain run gets.", COMMAND, ["get", "update"]),
    Row(
        "errors_are_logged_and_swallowed",
        "What a course raises is logged as an error, and the next course follows.",
        COMMAND,
        {"calls": 2, "errors": 2, "message": True},
    ),
    Row(
        "start_and_end_are_critical",
        "The lines with the number of courses are critical, so that every verbosity shows them.",
        COMMAND,
        [
            "BlockStructure: STARTED generating Course Blocks for 3 courses.",
            "BlockStructure: FINISHED generating Course Blocks for 3 courses.",
        ],
    ),
    Row(
        "verbosity_sets_these_levels",
        "The verbosity sets the levels of the command's and the store's loggers; 0 hides errors.",
        COMMAND,
        {
            "0": ["CRITICAL", "CRITICAL"],
            "1": ["WARNING", "CRITICAL"],
            "2": ["INFO", "CRITICAL"],
            "3": ["INFO", "INFO"],
        },
    ),
    Row(
        "enqueued_tasks_are_logged_with_their_ids",
        "An enqueued task writes one log record, whose arguments are the course and the task's id.",
        COMMAND,
        [["course-0", "task-1"]],
    ),
    Row(
        "enqueued_tasks_carry_this",
        "An enqueued task carries the course and, where the option exists, with_storage; --routing_key is passed on.",
        COMMAND,
        enqueued,
    ),
    Row(
        "the_command_has_these_options",
        "The command has the options of the release's row.",
        COMMAND,
        lambda release: sorted(release.command_options),
    ),
    Row(
        "switch_commands_say_this",
        "waffle_switch refuses an unknown switch without --create and says when it creates one; waffle_delete counts.",
        f"django-waffle; {MEASURED_SUMAC}",
        {
            "absent": "CommandError",
            "created": "Creating switch: block_structure_contract.example",
            "again": "",
            "listed": True,
            "deleted": ["Deleted 1 Switches", "Deleted 0 Switches"],
        },
    ),
    # Pages
    Row(
        "the_health_page_names_its_services",
        "/heartbeat answers 200 and names modulestore and database.",
        "edx-platform openedx/core/djangoapps/heartbeat",
        {"status": 200, "services": {"modulestore": True, "sql": True}},
    ),
    Row(
        "the_blocks_api_refuses_like_this",
        "The course blocks API wants a course and a user, and refuses anonymous access.",
        "edx-platform lms/djangoapps/course_api/blocks/{forms,views}.py",
        {"no course": 400, "no key": 400, "no user": 400, "another user": 403, "all blocks": 403},
    ),
    Row(
        "the_site_says_who_is_logged_in",
        "user/v1/me answers 401 without a session, else the username. csrf/api/v1/token gives a token and its cookie.",
        "edx-platform openedx/core/djangoapps/user_api/accounts/views.py (own_username_api); edx-drf-extensions csrf/api/v1",
        {"anonymous": 401, "token": ["csrfToken"], "its cookie": True, "learner": {"username": "contract-learner"}},
    ),
    Row(
        "the_login_refuses_like_this",
        "The session login wants a CSRF token (403) and an account (400).",
        "edx-platform openedx/core/djangoapps/user_authn/views/login.py",
        {"no token": 403, "no such account": 400},
    ),
]

PROCESSES = [
    Row(
        "an_unknown_course",
        "A course that does not exist is logged as an error, and the exit code is 0.",
        f"{COMMAND}; {MEASURED_TEAK}",
        {"code": 0, "said": True},
    ),
    Row(
        "a_key_that_is_none",
        "A text that is no course key ends the command with exit code 1 before anything is done.",
        f"openedx/core/lib/command_utils.py; {MEASURED_TEAK}",
        {"code": 1, "said": True},
    ),
    Row(
        "with_storage",
        "--with_storage is an option until Sumac; from Teak it is unrecognized, exit code 2.",
        f"{COMMAND}; {MEASURED_SUMAC}",
        lambda release: {"code": 0, "said": False} if release.with_storage_option else {"code": 2, "said": True},
    ),
    Row(
        "settings_without_the_retry_keys",
        "BLOCK_STRUCTURES_SETTINGS of the YAML replaces the default whole: without the retry keys nothing starts.",
        f"{SETTINGS}, {TASKS}",
        {"code": 1, "said": True},
    ),
    Row(
        "settings_with_a_class_that_does_not_exist",
        "A storage class that can't be imported stops every command.",
        f"{MODELS}; {MEASURED_TEAK}",
        {"code": 1, "said": True},
    ),
    Row(
        "a_global_acl_in_the_yaml",
        "From Quince AWS_DEFAULT_ACL of the YAML is overwritten with public-read in the LMS.",
        f"{SETTINGS}; {MEASURED_SUMAC}",
        lambda release: "public-read" if release.acl_trap else "private",
    ),
    Row(
        "studio_reads_the_settings",
        "Studio takes BLOCK_STRUCTURES_SETTINGS from its file; until Ironwood, which reads pairs of JSON files, it does not.",
        "edx-platform cms/envs/aws.py of 2018 lacks the key; pull requests 19886, 19913 and 25543",
        lambda release: release.studio_reads_settings,
    ),
    Row(
        "this_variable_names_studios_settings",
        "STUDIO_CFG names Studio's settings file until Maple; from Nutmeg CMS_CFG does, where both are set.",
        "edx-platform cms/envs/production.py of 2023-03, 2024-09 and 2025-08; from 14 on Tutor's image sets CMS_CFG alone",
        lambda release: release.config_env["cms"],
        lambda release: release.config_format == "yaml",
    ),
    Row(
        "long_cache_keys_without_the_feature",
        "Without FEATURES.ENABLE_BLAKE2B_HASHING releases before Teak hash with md4, which OpenSSL 3 refuses by default.",
        f"edx-platform common/djangoapps/util/memcache.py; {MEASURED_SUMAC}",
        lambda release: ("md4", "md4 refused by OpenSSL") if release.cache_key_hash == "md4" else (release.cache_key_hash,),
    ),
]

# Column of the release table -> the row that holds what differs in it; a text with spaces says why there is none.
COLUMNS = {
    "support": "what this project runs, no behaviour",
    "branch": "the name of a branch of git",
    "django": "which Django and Python it is; molecule/edxapp/README.md says how near the miniature is",
    "python": "which Django and Python it is; molecule/edxapp/README.md says how near the miniature is",
    "config_format": "how target.py writes the settings file that every row's process reads",
    "config_env": "this_variable_names_studios_settings",
    "config_files": "where the configuration playbooks put them; molecule/matrix edits them there",
    "studio_reads_settings": "studio_reads_the_settings",
    "switches": "the_switches_are_these",
    "storage_switch": "without_storage_only_the_cache_is_written",
    "inert_switches": "switches of older rows that this one lacks, which tests/unit/test_releases.py computes",
    "switch_api": "switches_are_asked_like_this",
    "publish_needs_row": "a_new_course_with_the_switch_is_queued",
    "command_options": "the_command_has_these_options",
    "with_storage_option": "with_storage",
    "pruning_active_honoured": "pruning_does_not_need_the_setting",
    "course_index": "the_course_index_is_here",
    "unpickle_errors": "what_does_not_unpickle",
    "cache_cap_bytes": "structures_from_the_cap_on_are_not_cached",
    "cache_backend": "Django's name for cache_client, which tests/unit/test_releases.py holds to it",
    "cache_client": "the_cache_is_asked_by_this_library",
    "client_item_limit_bytes": "what_the_cache_refuses_is_dropped_silently",
    "cache_key_hash": "long_cache_keys_without_the_feature",
    "blake2b_feature": "long_cache_keys_are_hashed",
    "storage_resolver": "the_storage_is_made_by_this",
    "storages_setting": "an_entry_of_storages_comes_first",
    "django_storages": "a version; what comes of it are storage_classes, storage_kwargs_ and unknown_kwargs",
    "storage_class": "the one of storage_classes that the role chooses",
    "storage_classes": "storage_classes_that_import",
    "storage_kwargs_valid": "keyword_arguments_that_do_something",
    "storage_kwargs_ignored": "keyword_arguments_that_do_nothing",
    "storage_kwargs_refused": "keyword_arguments_that_are_refused",
    "unknown_kwargs": "unknown_keyword_arguments",
    "unhashable_kwargs": "lists_as_keyword_arguments",
    "acl_trap": "a_global_acl_in_the_yaml",
    "tutor_major": "held against the real Tutor by tests/tutor",
    "tutor_cache": "held against the real Tutor by tests/tutor",
}
