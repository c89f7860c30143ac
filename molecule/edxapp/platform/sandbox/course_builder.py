"""Makes a course of a given size at once, as if an author had written and published it."""

import json
import random
import string

from bson.objectid import ObjectId
from django.db import transaction
from django.db.models import Max
from opaque_keys.edx.locator import CourseLocator

from xmodule.modulestore import ModuleStoreEnum
from xmodule.modulestore.course_index import SplitModulestoreCourseIndex
from xmodule.modulestore.models import BlockRow, Definition
from xmodule.modulestore.sql import now

LEVELS = ("course", "chapter", "sequential", "vertical")
CHILDREN = 5
LEAVES = ("html", "problem", "video")
BATCH = 500
WORDS = [
    "energy",
    "matter",
    "motion",
    "field",
    "charge",
    "light",
    "wave",
    "atom",
    "cell",
    "tissue",
    "growth",
    "market",
    "price",
    "demand",
    "supply",
    "theory",
    "proof",
    "limit",
    "series",
    "vector",
    "matrix",
    "graph",
    "tree",
    "search",
    "memory",
    "process",
    "signal",
    "system",
    "design",
    "measure",
    "model",
    "history",
]


def course_key(course, run):
    """Return the key of a course of a profile."""
    return CourseLocator(course.org, course.number, run)


def create(course, run):
    """Create a course unless it exists; return whether it was created."""
    key = course_key(course, run)
    if SplitModulestoreCourseIndex.objects.filter(course_id=key).exists():
        return False
    chance = random.Random(str(key))
    moment = now()
    with transaction.atomic():
        version = str(ObjectId())
        index = SplitModulestoreCourseIndex.objects.create(
            objectid=str(ObjectId()),
            course_id=key,
            org=course.org,
            draft_version=version,
            published_version=version,
            wiki_slug=f"{course.org}.{course.number}.{run}",
            edited_by_id=ModuleStoreEnum.UserID.mgmt_command,
            edited_on=moment,
            last_update=moment,
        )
        rows, definitions = _rows(course, index, chance, moment)
        Definition.objects.bulk_create(definitions, batch_size=BATCH)
        BlockRow.objects.bulk_create(rows, batch_size=BATCH)
    return True


def _next_pk(model):
    return (model.objects.aggregate(last=Max("pk"))["last"] or 0) + 1


def _rows(course, index, chance, moment):
    """Return the rows of all blocks and of their definitions, with their primary keys."""
    first_row, next_definition = _next_pk(BlockRow), _next_pk(Definition)
    rows, definitions = [], []
    for number, (block_type, parent, position) in enumerate(_tree(course.blocks, chance)):
        data = _content(block_type, number, chance)
        if data is not None:
            definitions.append(Definition(pk=next_definition + len(definitions), data=data))
        rows.append(
            BlockRow(
                pk=first_row + number,
                course=index,
                parent_id=None if parent is None else first_row + parent,
                position=position,
                block_type=block_type,
                block_id="course" if number == 0 else f"{chance.getrandbits(128):032x}",
                fields=json.dumps(_fields(course, block_type, number, chance)),
                definition_id=None if data is None else definitions[-1].pk,
                edited_on=moment,
                edited_by=ModuleStoreEnum.UserID.mgmt_command,
            )
        )
    return rows, definitions


def _tree(blocks, chance):
    """Yield (type, number of the parent, position) of each block, parents first."""
    path = [[0, 0]]
    yield "course", None, 0
    for number in range(1, blocks):
        while len(path) > 1 and path[-1][1] == CHILDREN:
            path.pop()
        parent, position = path[-1]
        path[-1][1] += 1
        if len(path) < len(LEVELS):
            yield LEVELS[len(path)], parent, position
            path.append([number, 0])
        else:
            yield chance.choice(LEAVES), parent, position


def _fields(course, block_type, number, chance):
    """Return the fields that an author would have set."""
    name = " ".join(chance.sample(WORDS, 6)).capitalize()
    if course.name_length:
        name += " " + "".join(chance.choices(string.ascii_letters + string.digits, k=course.name_length))
    fields = {"display_name": f"{course.org} {course.number}" if number == 0 else name}
    if number == 0:
        fields["start"] = "2025-01-01T00:00:00+00:00"
    elif block_type == "sequential" and number % 3 == 0:
        fields.update(graded=True, format="Homework", due="2035-06-01T00:00:00+00:00")
    elif block_type == "problem":
        fields["weight"] = chance.randint(1, 5)
    return fields


def _content(block_type, number, chance):
    """Return the definition of a block, or None for what only has children."""
    if block_type == "html":
        return "<p>" + " ".join(chance.choices(WORDS, k=60)) + "</p>"
    if block_type == "video":
        return json.dumps({"duration": chance.randint(60, 900), "youtube_id": f"video{number:05d}"})
    if block_type == "problem":
        choices = "".join(f'<choice correct="{str(word == 0).lower()}">{chance.choice(WORDS)}</choice>' for word in range(4))
        return (
            f"<problem><p>{' '.join(chance.choices(WORDS, k=20))}</p><multiplechoiceresponse>"
            f'<choicegroup type="MultipleChoice">{choices}</choicegroup></multiplechoiceresponse></problem>'
        )
    return None
