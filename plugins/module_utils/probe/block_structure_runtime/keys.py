"""The hash of an opaque key, computed once and kept in the key; two keys of different hashes are not compared field by field.

edx-opaque-keys computes the hash anew at every look-up in a dictionary, from a tuple of all fields, and the hash of the course
with it (OpaqueKey.__hash__ and _key, the same in 0.4 to 4.0). A key is immutable, so its hash is constant. The installed
edx-opaque-keys is tried out first: where it behaves otherwise than expected, it is left as it is.
"""

from __future__ import absolute_import

import copy
import inspect
import pickle

# The attribute of a key that holds its hash; on the class it is None.
KEPT = "_block_structure_hash"
# A class that overrides one of these may have state beyond its fields, or change: the hash of its keys is not kept.
_SPECIAL = (
    "__copy__",
    "__deepcopy__",
    "__delattr__",
    "__eq__",
    "__getattr__",
    "__getattribute__",
    "__getstate__",
    "__hash__",
    "__reduce__",
    "__reduce_ex__",
    "__setattr__",
    "__setstate__",
    "_key",
)
# Keys of every kind that a block structure or a course page holds, each with one that must differ from it. The last three are
# in the form that edx-opaque-keys calls deprecated.
_SAMPLES = (
    ("CourseKey", "course-v1:Example+Demo+2026", "course-v1:Example+Demo+2027"),
    (
        "CourseKey",
        "course-v1:Example+Demo+2026+branch@published-branch+version@519665f6223ebd6980884f2b",
        "course-v1:Example+Demo+2026+branch@draft-branch+version@519665f6223ebd6980884f2b",
    ),
    ("CourseKey", "library-v1:Example+Library", "library-v1:Example+Other"),
    ("UsageKey", "block-v1:Example+Demo+2026+type@html+block@a1", "block-v1:Example+Demo+2026+type@html+block@a2"),
    ("UsageKey", "lib-block-v1:Example+Library+type@html+block@a1", "lib-block-v1:Example+Library+type@video+block@a1"),
    ("AssetKey", "asset-v1:Example+Demo+2026+type@asset+block@a.png", "asset-v1:Example+Demo+2026+type@asset+block@b.png"),
    ("CourseKey", "Example/Demo/2026", "Example/Demo/2027"),
    ("UsageKey", "i4x://Example/Demo/html/a1", "i4x://Example/Demo/html/a2"),
    ("AssetKey", "/c4x/Example/Demo/asset/a.png", "/c4x/Example/Demo/asset/b.png"),
)
_EQUAL, _DIFFERENT = (True, False), (False, True)


class UnexpectedKeysError(Exception):
    """The installed edx-opaque-keys is not what the change was made for; the message says what is different."""


def _owner(kind, name):
    """Return the class from which a class has an attribute, None if it has none."""
    return next((base for base in kind.__mro__ if name in vars(base)), None)


def _has_fields_only(kind, root):
    """Whether the keys of a class behave as those of the root class do, and have room for one more attribute."""
    has_room = any("__dict__" in vars(base) for base in kind.__mro__)
    return has_room and all(_owner(kind, name) is _owner(root, name) for name in _SPECIAL)


def _methods(root):
    """Return the __hash__ and the __eq__ that keep the hash, made from those of the root class."""
    stock_hash, stock_eq = vars(root)["__hash__"], vars(root)["__eq__"]
    fields_only = {}

    def kept_hash(self):
        value = self._block_structure_hash
        if value is None:
            value = stock_hash(self)
            kind = type(self)
            if kind not in fields_only:
                fields_only[kind] = _has_fields_only(kind, root)
            # Not while the key is being made, when its fields still change.
            if fields_only[kind] and getattr(self, "_initialized", False):
                object.__setattr__(self, KEPT, value)
        return value

    def kept_eq(self, other):
        if self is other:
            return True
        if type(self) is type(other):
            mine, theirs = self._block_structure_hash, other._block_structure_hash
            if mine is not None and theirs is not None and mine != theirs:
                return False
        return stock_eq(self, other)

    return kept_hash, kept_eq


def _install(root):
    """Change the class; return a function that changes it back."""
    stock_hash, stock_eq = vars(root)["__hash__"], vars(root)["__eq__"]
    root.__hash__, root.__eq__ = _methods(root)
    setattr(root, KEPT, None)

    def undo():
        root.__hash__, root.__eq__ = stock_hash, stock_eq
        delattr(root, KEPT)

    return undo


def _require(condition, what, key=None):
    if not condition:
        raise UnexpectedKeysError(what if key is None else what % type(key).__name__)


def _compared(one, other):
    """Return what both operators say; a class may override either."""
    return one == other, one != other


def _refuses(function, *arguments):
    """Whether the function refuses these arguments as an immutable object does."""
    try:
        function(*arguments)
    except AttributeError:
        return True
    return False


def _observe(key):
    """Return all of a key that must not change, as plain values, its pickles last. None of it hashes the key."""
    pickles = [pickle.dumps(key, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    return [str(key), repr(key), len(key), key.deprecated, sorted(key.__getstate__()), pickles]


def _derived(key):
    """Return keys that the platform makes from a key: copies, another branch, a block of a course, a block in its course."""
    made = [copy.copy(key), copy.deepcopy(key), copy.deepcopy([key])[0], key.replace()]
    if hasattr(key, "for_branch") and not key.deprecated:
        made.append(key.for_branch("draft-branch"))
    if hasattr(key, "make_usage_key"):
        made.append(key.make_usage_key("html", "a3"))
    if hasattr(key, "map_into_course"):
        made.append(key.map_into_course(key.course_key))
    return made


def _check_root(root):
    for name in ("__hash__", "__eq__", "__setattr__", "__getstate__", "__setstate__"):
        _require(inspect.isfunction(vars(root).get(name)), "OpaqueKey has no method %s of its own" % name)


def _check_stock(key, twin, other):
    """Check a key as edx-opaque-keys makes it: immutable, all of it in its fields, equal to its twin alone."""
    fields = set(key.KEY_FIELDS) | {"deprecated"}
    _require(set(key.__getstate__()) == fields, "%s has state beyond its fields", key)
    _require(_refuses(setattr, key, key.KEY_FIELDS[-1], "x"), "a field of %s can be changed", key)
    _require(_refuses(setattr, key, KEPT, 1), "%s takes new attributes", key)
    _require(_refuses(delattr, key, key.KEY_FIELDS[-1]), "a field of %s can be deleted", key)
    _require(hash(key) == hash(twin) and _compared(key, twin) == _EQUAL, "equal keys of %s are not equal", key)
    _require(_compared(key, other) == _DIFFERENT, "different keys of %s are equal", key)
    _require(all(_compared(key, thing) == _DIFFERENT for thing in (None, str(key), 1)), "%s equals what is no key", key)


def _check_kept(key, twin, other, before, stock_hash):
    """Check a key of the changed class against what was observed of it before the change."""
    _require(hash(key) == stock_hash(key) == hash(key), "the kept hash of %s is not its hash", key)
    _require(_observe(key) == before, "%s is pickled or shown otherwise once its hash is kept", key)
    for compared in (twin, pickle.loads(pickle.dumps(twin))):
        _require(_compared(key, compared) == _EQUAL, "equal keys of %s are not equal", key)
        _require({key: 1}.get(compared) == 1 and _compared(key, compared) == _EQUAL, "%s is not found in a dictionary", key)
    _require(_compared(key, other) == _DIFFERENT, "different keys of %s are equal", key)
    _require(other not in {key} and _compared(key, other) == _DIFFERENT, "different keys of %s are equal", key)
    _require(all(_compared(key, thing) == _DIFFERENT for thing in (None, str(key), 1)), "%s equals what is no key", key)
    for loaded in map(pickle.loads, before[-1]):
        _require(KEPT not in vars(loaded), "a pickled %s carries its hash", key)
        _require(hash(loaded) == hash(key) and _compared(loaded, key) == _EQUAL, "a pickled %s is another key", key)
    for made in _derived(key):
        _require(hash(made) == stock_hash(made), "a key made from a %s has a wrong hash", key)


def _change(root, keys):
    """Try the change out on every sample and leave it in place; an error leaves the class as it was."""
    _check_root(root)
    stock_hash = vars(root)["__hash__"]
    made = [[getattr(keys, kind).from_string(text) for text in (one, one, other)] for kind, one, other in _SAMPLES]
    for sample in made:
        _check_stock(*sample)
        sample.append(_observe(sample[0]))
    undo = _install(root)
    try:
        for key, twin, other, before in made:
            _check_kept(key, twin, other, before, stock_hash)
            _require(vars(key).get(KEPT) == stock_hash(key), "%s does not keep its hash", key)
    except BaseException:
        undo()
        raise


def hash_once():
    """Change OpaqueKey in this process. Return None, or in words why it was left as it is. A second call changes nothing."""
    try:
        from opaque_keys import OpaqueKey
        from opaque_keys.edx import keys

        if not hasattr(OpaqueKey, KEPT):
            _change(OpaqueKey, keys)
    except UnexpectedKeysError as error:
        return "the installed edx-opaque-keys is not as expected: %s" % error
    except Exception as error:
        return "the installed edx-opaque-keys could not be checked: %r" % error
    return None
