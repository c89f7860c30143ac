"""Runs with an XBlock and an edxval: prints what a course's blocks, dates and videos are, stock or with the shortcuts, as JSON.

Arguments: the folder of the package probe; `stock` or `shortcuts`; and what is to be different (`twins`, `no_dates`,
`other_code`). XBlock and edxval are the real ones, on SQLite. Of the platform itself there is a stand-in for two classes
that are not published as a package: its date fields, and the class whose `collect` runs its transformers. The real ones were
tried on a real LMS (docs/generate.md).
"""

import datetime
import json
import sys
import types

sys.path.insert(0, sys.argv[1])

import dateutil.parser
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "edxval"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    SECRET_KEY="example",
    ROOT_URLCONF="edxval.urls",
    TRANSCRIPT_LANG_CACHE_TIMEOUT=60,
)
django.setup()

from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from edxval import api
from edxval.models import Video, VideoTranscript
from opaque_keys.edx.keys import CourseKey
from xblock.core import XBlock
from xblock.field_data import DictFieldData
from xblock.fields import JSONField, ScopeIds, String
from xblock.runtime import IdGenerator, IdReader, Runtime

UTC = datetime.timezone.utc
COURSE = CourseKey.from_string("course-v1:Example+Demo+2026")
parsed = []


class Date(JSONField):
    """Stand-in for xmodule.fields.Date: aware dates from text, None without a day."""

    MUTABLE = False

    def _parse_date_wo_default_month_day(self, text):
        parsed.append(text)
        one, other = (dateutil.parser.parse(text, default=datetime.datetime(2026, n, n, tzinfo=UTC)) for n in (1, 2))
        if one != other:
            return None
        return one

    def from_json(self, value):
        return self._parse_date_wo_default_month_day(value) if value else None


if "other_code" in sys.argv:
    parse = Date._parse_date_wo_default_month_day
    del Date._parse_date_wo_default_month_day
    Date.from_json = lambda self, value: parse(self, value) if value else None


class BlockStructureTransformers:
    """Stand-in: one transformer, which asks what the platform's transformer of student views asks."""

    @classmethod
    def collect(cls, block_structure):
        found = {}
        for key in block_structure.get_block_keys():
            block = block_structure.get_xblock(key)
            if key.block_type == "video" and block.edx_video_id:
                try:
                    info = api.get_video_info(block.edx_video_id)["client_video_id"]
                except api.ValVideoNotFoundError as error:
                    info = str(error)
                languages = api.get_available_transcript_languages(video_id=block.edx_video_id.strip())
                found[block.edx_video_id] = [info, sorted(languages)]
        return found


def module(name, **names):
    made = sys.modules[name] = types.ModuleType(name)
    vars(made).update(names)


PLATFORM = "openedx.core.djangoapps.content.block_structure"
for number in range(1, 6):
    module(".".join(PLATFORM.split(".")[:number]))
module(PLATFORM + ".transformers", BlockStructureTransformers=BlockStructureTransformers)
module("xmodule")
if "no_dates" not in sys.argv:
    module("xmodule.fields", Date=Date)


class Block(XBlock):
    """A block with a date and a video id."""

    has_children = True
    start = Date(default=None)
    edx_video_id = String(default="")


class Ids(IdReader, IdGenerator):
    """Usage ids are the definition ids."""

    def get_block_type(self, def_id):
        return "block"

    def get_definition_id(self, usage_id):
        return usage_id

    def get_usage_id_from_aside(self, aside_id):
        return aside_id

    get_definition_id_from_aside = get_aside_type_from_usage = get_aside_type_from_definition = get_usage_id_from_aside

    def create_aside(self, definition_id, usage_id, aside_type):
        return definition_id, usage_id

    def create_usage(self, def_id):
        return def_id

    def create_definition(self, block_type, slug=None):
        return slug


class Structure(Runtime):
    """Blocks of a course, made once, as the modulestore's runtime and the block structure hand them out."""

    def __init__(self):
        ids = Ids()
        super().__init__(id_reader=ids, id_generator=ids)
        self.blocks = {}

    def add(self, block_type, name, parent=None, **fields):
        key = COURSE.make_usage_key(block_type, name)
        data = DictFieldData({**fields, **({"parent": parent} if parent else {})})
        self.blocks[key] = Block(self, data, ScopeIds(None, block_type, key, key))
        return key

    def get_block(self, usage_id, for_parent=None):
        return self.blocks[usage_id]

    get_xblock = get_block

    def get_block_keys(self):
        return list(self.blocks)

    def handler_url(self, *arguments, **named):
        raise NotImplementedError

    local_resource_url = publish = resource_url = handler_url


def break_code():
    """Make the libraries others than those that the shortcuts were made for."""
    info = api.get_video_info
    api.get_video_info = lambda edx_video_id, fields=None: info(edx_video_id)
    api.get_video_info.__name__ = "get_video_info"
    owner = next(base for base in XBlock.__mro__ if "has_cached_parent" in vars(base))
    cached = owner.has_cached_parent
    del owner.has_cached_parent
    owner.__getattr__ = lambda self, name: (
        cached.fget(self) if name == "has_cached_parent" else getattr(super(owner, self), name)
    )


def videos():
    call_command("migrate", run_syncdb=True, verbosity=0)
    for number in range(30):
        video = Video.objects.create(
            edx_video_id="video-%d" % number, client_video_id="file %d" % number, duration=1, status="ok"
        )
        for language in ("en", "fr")[: number % 3]:
            VideoTranscript.objects.create(video=video, language_code=language, provider="Custom", file_format="srt")


def observe():
    structure = Structure()
    course = structure.add("course", "course", start="2026-01-31T05:00:00Z")
    other = structure.add("chapter", "other", course)
    unit = structure.add("vertical", "unit", course, start="2026-02-01")
    dates = ("2026-01-31T05:00:00Z", "2026-01-31T05:00:00+03:00", "2026-02-01", "2026", "")
    leaves = [structure.add("html", "html-%d" % number, unit, start=dates[number % 5]) for number in range(20)]
    for number in range(20, 40):  # ten that edxval knows, ten that it does not
        structure.add("video", "v-%d" % number, unit, edx_video_id="video-%d" % number)
    structure.add("video", "spaces", unit, edx_video_id=" video-2 ")
    structure.add("video", "none", unit)
    if "twins" in sys.argv:  # two spellings that a database may take for one
        structure.add("video", "twin", unit, edx_video_id="VIDEO-20")
    del parsed[:]
    seen = {"dates": [str(structure.blocks[leaf].start) for leaf in leaves], "parsed": len(parsed)}
    leaf = structure.blocks[leaves[0]]
    seen["parents"] = [str(leaf.get_parent().scope_ids.usage_id) for _ in range(3)]
    seen["top"] = structure.blocks[course].get_parent()
    leaf.parent = other
    seen["moved"] = [str(leaf.get_parent().scope_ids.usage_id) for _ in range(3)]
    leaf.parent = None
    seen["orphan"] = leaf.get_parent()
    leaf.parent = unit
    seen["back"] = str(leaf.get_parent().scope_ids.usage_id)
    seen["is_block"] = leaf.get_parent() is structure.blocks[unit]
    with CaptureQueriesContext(connection) as queries:
        seen["videos"] = BlockStructureTransformers.collect(structure)
    seen["queries"] = len(queries)
    # Outside of a collection every question goes to the database.
    with CaptureQueriesContext(connection) as queries:
        seen["alone"] = [api.get_video_info("video-2")["client_video_id"], api.get_available_transcript_languages("video-2")]
        seen["alone_asked"] = bool(len(queries))
    return seen


videos()
if "other_code" in sys.argv:
    break_code()
installed = None
if sys.argv[2] == "shortcuts":
    from probe.engine import shortcuts

    installed = shortcuts.install()
    assert shortcuts.install() == installed
print(json.dumps({"installed": installed, **observe()}))
