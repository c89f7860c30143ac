"""The modulestore over the database. Facts: edx-platform xmodule/modulestore/mixed.py and split_mongo/split_draft.py.

Its methods carry the names, arguments and effects of the platform's, as far as programs that create, edit, publish,
read and delete courses use them.
"""

import datetime
import json
import threading
import uuid
from contextlib import contextmanager

from bson.objectid import ObjectId
from django.db import DatabaseError, transaction
from opaque_keys.edx.locator import CourseLocator

from xmodule.exceptions import HeartbeatFailure
from xmodule.modulestore import ModuleStoreEnum, fields
from xmodule.modulestore.course_index import SplitModulestoreCourseIndex
from xmodule.modulestore.exceptions import DuplicateCourseError, InvalidBranchSetting, ItemNotFoundError
from xmodule.modulestore.models import BlockRow, Definition
from xmodule.modulestore.runtime import Runtime


def now():
    """Return the time to the millisecond, which is what the platform's store keeps."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class CourseSummary:
    """What a list of courses needs to know of one."""

    def __init__(self, course_id, display_name):
        self.id = course_id
        self.location = course_id.make_usage_key("course", "course")
        self.display_name = display_name


class SqlModuleStore:
    """Courses in the database.

    default_branch: the branch that readers see unless they say otherwise (published-only in the LMS).
    signal_handler: sends course_published and course_deleted.
    """

    def __init__(self, default_branch, signal_handler):
        self.default_branch = default_branch
        self.signal_handler = signal_handler
        self._thread = threading.local()

    # Reading

    def heartbeat(self):
        """Return whether the store answers. Raises HeartbeatFailure."""
        try:
            SplitModulestoreCourseIndex.objects.exists()
        except DatabaseError as error:
            raise HeartbeatFailure(f"Can't connect to the modulestore: {error}", "modulestore") from error
        return {"modulestore": True}

    def get_modulestore_type(self, _course_key):
        """Return the kind of store."""
        return ModuleStoreEnum.Type.split

    def make_course_key(self, org, course, run):
        """Return the key of a course."""
        return CourseLocator(org, course, run)

    def make_course_usage_key(self, course_key):
        """Return the usage key of a course's root block."""
        return course_key.make_usage_key("course", "course")

    def fill_in_run(self, course_key):
        """Return the key, whose run is never missing here."""
        return course_key

    def has_course(self, course_key, ignore_case=False, **_named):
        """Return the course key if the course exists, else None."""
        lookup = "course_id__iexact" if ignore_case else "course_id"
        return course_key if SplitModulestoreCourseIndex.objects.filter(**{lookup: course_key}).exists() else None

    def get_course_summaries(self, **_named):
        """Return a CourseSummary of each course."""
        roots = BlockRow.objects.filter(block_type="course").select_related("course").order_by("course_id")
        drafts = self._drafts()
        summaries = []
        for row in roots:
            own_fields = row.visible_fields(drafts)
            if own_fields is not None:
                summaries.append(CourseSummary(row.course.course_id, own_fields.get("display_name")))
        return summaries

    def get_courses(self, **_named):
        """Return the root block of each course."""
        return [self.get_course(summary.id) for summary in self.get_course_summaries()]

    def get_course(self, course_key, depth=0, **_named):
        """Return the root block of a course, or None."""
        try:
            return self.get_item(self.make_course_usage_key(course_key), depth=depth)
        except ItemNotFoundError:
            return None

    def has_item(self, usage_key, **_named):
        """Return whether a block exists."""
        try:
            self.get_item(usage_key)
        except ItemNotFoundError:
            return False
        return True

    def get_item(self, usage_key, depth=0, lazy=True, **_named):
        """Return a block; with depth None everything below it is read at once. Raises ItemNotFoundError."""
        runtime = self._runtime(usage_key.course_key)
        block = runtime.load(usage_key)
        if depth is None and not lazy:
            runtime.load_tree(block)
        return block

    # Branches and bulk operations

    @contextmanager
    def branch_setting(self, branch_setting, course_id=None):
        """Set the branch that this thread's reads see."""
        before = getattr(self._thread, "branch", None)
        self._thread.branch = branch_setting
        try:
            yield
        finally:
            self._thread.branch = before

    @contextmanager
    def default_store(self, _store_type):
        """There is one store only."""
        yield

    @contextmanager
    def bulk_operations(self, course_id, emit_signals=True, ignore_case=False):
        """Hold back the publish signal until the outermost operation on the course ends."""
        bulks = self._bulks()
        outermost = course_id not in bulks
        bulks.setdefault(course_id, False)
        try:
            yield
        finally:
            if outermost and bulks.pop(course_id) and emit_signals:
                self._send_published(course_id)

    # Writing

    def create_course(self, org, course, run, user_id, fields=None, **_named):
        """Create and return a course of one block, published and as draft. Raises DuplicateCourseError."""
        course_key = self.make_course_key(org, course, run)
        existing = SplitModulestoreCourseIndex.objects.filter(course_id=course_key).first()
        if existing:
            raise DuplicateCourseError(course_key, existing)
        version, moment = str(ObjectId()), now()
        with transaction.atomic():
            index = SplitModulestoreCourseIndex.objects.create(
                objectid=str(ObjectId()),
                course_id=course_key,
                org=org,
                draft_version=version,
                published_version=version,
                wiki_slug=f"{org}.{course}.{run}",
                edited_by_id=user_id,
                edited_on=moment,
                last_update=moment,
            )
            BlockRow.objects.create(
                course=index,
                block_type="course",
                block_id="course",
                fields=self._stored(fields),
                edited_on=moment,
                edited_by=user_id,
            )
        self._published(course_key)
        return Runtime(index, drafts=True).load(self.make_course_usage_key(course_key))

    def create_child(self, user_id, parent_usage_key, block_type, block_id=None, fields=None, **_named):
        """Create and return a block below another, as a draft. Raises ItemNotFoundError."""
        index = self._index(parent_usage_key.course_key)
        parent = self._row(index, parent_usage_key)
        values = dict(fields or {})
        data = values.pop("data", None)
        with transaction.atomic():
            definition = Definition.objects.create(data=data) if data is not None else None
            row = BlockRow.objects.create(
                course=index,
                parent=parent,
                position=BlockRow.objects.filter(parent=parent).count(),
                block_type=block_type,
                block_id=block_id or uuid.uuid4().hex,
                draft_fields=self._stored(values),
                draft_definition=definition,
                edited_on=now(),
                edited_by=user_id,
            )
            self._new_version(index, user_id, draft=True)
        return Runtime(index, drafts=True).load(index.course_id.make_usage_key(block_type, row.block_id))

    def update_item(self, block, user_id, **_named):
        """Write a block's own fields, as a draft. Returns the block."""
        index = self._index(block.location.course_key)
        row = self._row(index, block.location)
        data = block.own_fields.pop("data", None)
        with transaction.atomic():
            row.draft_fields = self._stored(block.own_fields)
            row.draft_definition_id = row.visible_definition_id(drafts=True)
            if data is not None:
                row.draft_definition = Definition.objects.create(data=data)
            row.save()
            self._new_version(index, user_id, draft=True)
        return self._runtime(index.course_id).load(block.location)

    def publish(self, usage_key, user_id, **_named):
        """Publish a block and everything below it; returns it. Sends course_published."""
        if not self._drafts():
            raise InvalidBranchSetting("publish needs the branch draft-preferred")
        index = self._index(usage_key.course_key)
        moment = now()
        with transaction.atomic():
            for row in self._subtree(self._row(index, usage_key)):
                if row.draft_fields:
                    row.fields, row.draft_fields = row.draft_fields, ""
                    row.definition, row.draft_definition = row.draft_definition, None
                    row.edited_on, row.edited_by = moment, user_id
                    row.save()
            self._new_version(index, user_id, draft=False)
        self._published(index.course_id)
        return self.get_item(usage_key)

    def delete_item(self, usage_key, user_id, **_named):
        """Delete a block and everything below it, from both branches. Sends course_published."""
        index = self._index(usage_key.course_key)
        with transaction.atomic():
            self._row(index, usage_key).delete()
            self._new_version(index, user_id, draft=False)
        self._published(index.course_id)

    def delete_course(self, course_key, user_id):
        """Delete a course. Sends course_deleted."""
        self._index(course_key).delete()
        self.signal_handler.send("course_deleted", course_key=course_key)

    # Own

    def _drafts(self):
        branch = getattr(self._thread, "branch", None) or self.default_branch
        return branch == ModuleStoreEnum.Branch.draft_preferred

    def _bulks(self):
        """Courses under a bulk operation in this thread, and whether something was published in it."""
        if not hasattr(self._thread, "bulks"):
            self._thread.bulks = {}
        return self._thread.bulks

    def _index(self, course_key):
        try:
            return SplitModulestoreCourseIndex.objects.get(course_id=course_key)
        except SplitModulestoreCourseIndex.DoesNotExist as error:
            raise ItemNotFoundError(course_key) from error

    def _row(self, index, usage_key):
        try:
            return BlockRow.objects.get(course=index, block_type=usage_key.block_type, block_id=usage_key.block_id)
        except BlockRow.DoesNotExist as error:
            raise ItemNotFoundError(usage_key) from error

    def _runtime(self, course_key):
        return Runtime(self._index(course_key), self._drafts())

    def _subtree(self, row):
        yield row
        for child in BlockRow.objects.filter(parent=row):
            yield from self._subtree(child)

    def _stored(self, values):
        return json.dumps({name: fields.as_stored(value) for name, value in (values or {}).items()})

    def _new_version(self, index, user_id, draft):
        """Give the draft branch, or both, a new version."""
        index.draft_version = str(ObjectId())
        if not draft:
            index.published_version = str(ObjectId())
        index.edited_by_id, index.edited_on, index.last_update = user_id, now(), now()
        index.save()

    def _published(self, course_key):
        """Tell of a publish, now or at the end of the bulk operation."""
        if course_key in self._bulks():
            self._bulks()[course_key] = True
        else:
            self._send_published(course_key)

    def _send_published(self, course_key):
        self.signal_handler.send("course_published", course_key=course_key)
