"""Runs under the Python of a release with one edx-opaque-keys: prints what its keys do before and after the change, as JSON.

Arguments: the folder of the package block_structure_runtime; `stock` or `hash_once`; and, if a part of edx-opaque-keys is to be
broken first, its name in BROKEN. The syntax is that of Python 2.7 and 3.5.
"""

from __future__ import absolute_import, print_function

import base64
import copy
import json
import pickle
import sys

sys.path.insert(0, sys.argv[1])

from block_structure_runtime import keys as changed
from opaque_keys import InvalidKeyError, OpaqueKey
from opaque_keys.edx import keys
from opaque_keys.edx.locator import BlockUsageLocator, CourseLocator, LocalId

# Texts of every kind of key that some edx-opaque-keys knows; a release that does not know one leaves it out.
TEXTS = [
    ("CourseKey", "course-v1:Example+Demo+2026"),
    ("CourseKey", "course-v1:Example+Demo+2026+branch@published-branch"),
    ("CourseKey", "course-v1:Example+Demo+2026+version@519665f6223ebd6980884f2b"),
    ("CourseKey", "library-v1:Example+Library"),
    ("CourseKey", "library-v1:Example+Library+branch@library"),
    ("CourseKey", "Example/Demo/2026"),
    ("LearningContextKey", "lib:Example:library"),
    ("UsageKey", "block-v1:Example+Demo+2026+type@html+block@a1"),
    ("UsageKey", "block-v1:Example+Demo+2026+branch@published-branch+type@html+block@a1"),
    ("UsageKey", "lib-block-v1:Example+Library+type@html+block@a1"),
    ("UsageKey", "lb:Example:library:html:a1"),
    ("UsageKey", "i4x://Example/Demo/html/a1"),
    ("UsageKey", "i4x://Example/Demo/html/a1@draft"),
    ("UsageKey", "aside-usage-v1:block-v1:Example+Demo+2026+type@html+block@a1::aside"),
    ("UsageKey", "aside-usage-v2:block-v1$:Example+Demo+2026+type@html+block@a1::aside"),
    ("AssetKey", "asset-v1:Example+Demo+2026+type@asset+block@a.png"),
    ("AssetKey", "/c4x/Example/Demo/asset/a.png"),
    ("DefinitionKey", "def-v1:519665f6223ebd6980884f2b+type@html"),
    ("DefinitionKey", "aside-def-v1:def-v1:519665f6223ebd6980884f2b+type@html::aside"),
    ("DefinitionKey", "bundle-olx:4b33677f-7eb7-4376-8752-024ee057d7e8:5:html/introduction/definition.xml"),
    ("BlockTypeKey", "block-type-v1:xblock.v1:html"),
    ("BlockTypeKey", "problem"),
    ("CollectionKey", "lib-collection:Example:library:collection"),
    ("LibraryCollectionKey", "lib-collection:Example:library:collection"),
    ("ContainerKey", "lct:Example:library:unit:u1"),
]


class Mutable(BlockUsageLocator):
    """A key class of another package that can be changed."""

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


class WithState(BlockUsageLocator):
    """A key class of another package that pickles whatever it holds."""

    def __getstate__(self):
        return dict(vars(self), deprecated=self.deprecated)


def made():
    """Return every key that the installed edx-opaque-keys can make, by kind and text."""
    found = {}
    for kind, text in TEXTS:
        try:
            found["%s %s" % (kind, text)] = getattr(keys, kind).from_string(text)
        except (AttributeError, InvalidKeyError, ImportError):
            continue
    return found


def seen(key):
    """Return what is to be the same with and without the change; the hashes as whether they are those of the fields."""
    fields = hash(key._key)
    pickles = [pickle.dumps(key, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    return {
        "hash": hash(key) == fields == hash(key),
        "str": str(key),
        "repr": repr(key),
        "pickles": [base64.b64encode(pickled).decode() for pickled in pickles],
        "loaded": [hash(pickle.loads(pickled)) == fields for pickled in pickles],
        "copied": [
            hash(copied) == fields for copied in (copy.copy(key), copy.deepcopy(key), copy.deepcopy({"k": [key]})["k"][0])
        ],
        "pickles_after": [base64.b64encode(pickle.dumps(key, number)).decode() for number in range(len(pickles))],
    }


def kept(key):
    return bool(getattr(key, changed.KEPT, None))


def equalities(found):
    """Return for each pair of keys what == and != say, before and after both were hashed; and for what is no key."""
    rows = []
    for one in sorted(found):
        others = [found[other] for other in sorted(found)] + [None, 1, str(found[one])]
        fresh = made()
        unhashed = [fresh[one] == other for other in others]
        hash(fresh[one])
        rows.append([unhashed, [fresh[one] == other for other in others], [fresh[one] != other for other in others]])
    return rows


def evaluations(key):
    """Return how often the fields are gathered by ten look-ups of a key in a dictionary, and then ten by an equal one."""
    calls = []
    real = OpaqueKey._key
    OpaqueKey._key = property(lambda self: calls.append(1) or real.fget(self))
    try:
        table = {key: 1}
        for _ in range(10):
            table[key]
    finally:
        OpaqueKey._key = real
    return len(calls)


def local_block():
    """Return whether a block that has no id yet is found: LocalId is hashed by identity."""
    block = BlockUsageLocator(CourseLocator("Example", "Demo", "2026"), "html", LocalId("a"))
    return {block: 1}[block] == 1


def others():
    """Return whether keys of other packages' classes are left alone: changed, one is found by its new value."""
    course = CourseLocator("Example", "Demo", "2026")
    mutable, twin = (Mutable(course, "html", "a1") for _ in range(2))
    first = hash(mutable)
    mutable.block_id = "a2"
    with_state = WithState(course, "html", "a1")
    before = pickle.dumps(with_state, 2)
    hash(with_state)
    return {
        "changes": hash(mutable) != first and mutable != twin,
        "kept": kept(mutable) or kept(with_state),
        "same_pickle": pickle.dumps(with_state, 2) == before,
    }


def break_setattr():
    OpaqueKey.__setattr__ = object.__setattr__


def break_setattr_by_method():
    def set_anyway(self, name, value):
        object.__setattr__(self, str(name), value)

    OpaqueKey.__setattr__ = set_anyway


def break_getstate():
    OpaqueKey.__getstate__ = lambda self: dict(vars(self), deprecated=self.deprecated)


def break_eq():
    OpaqueKey.__eq__ = lambda self, other: isinstance(other, OpaqueKey) and self._key[0] == other._key[0]


def break_eq_with_text():
    stock = OpaqueKey.__eq__
    OpaqueKey.__eq__ = lambda self, other: str(other) == str(self) or stock(self, other)


def break_hash():
    OpaqueKey.__hash__ = lambda self: id(self) // 16


def break_copy():
    def deepcopied(self, _memo):
        copied = pickle.loads(pickle.dumps(self, 2))
        vars(copied).update(vars(self))
        object.__setattr__(copied, self.KEY_FIELDS[0], "copied")
        return copied

    OpaqueKey.__deepcopy__ = deepcopied


def break_import():
    del keys.AssetKey


BROKEN = {name: function for name, function in globals().items() if name.startswith("break_")}


def main():
    mode, broken = sys.argv[2], sys.argv[3:]
    for name in broken:
        BROKEN[name]()
    stock = vars(OpaqueKey)["__hash__"], vars(OpaqueKey)["__eq__"]
    why = changed.hash_once() if mode == "hash_once" else None
    answer = {"why": why, "again": changed.hash_once() if mode == "hash_once" else None}
    answer["untouched"] = (vars(OpaqueKey)["__hash__"], vars(OpaqueKey)["__eq__"]) == stock and not hasattr(
        OpaqueKey, changed.KEPT
    )
    if not broken:
        found = made()
        answer["equalities"] = equalities(found)
        answer["keys"] = {text: seen(key) for text, key in found.items()}
        answer["kept"] = sorted(text for text, key in found.items() if kept(key))
        answer["evaluations"] = evaluations(keys.UsageKey.from_string("block-v1:Example+Demo+2026+type@html+block@a1"))
        answer["local_block"] = local_block()
        answer["others"] = others()
    print(json.dumps(answer))


main()
