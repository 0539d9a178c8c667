"""What kit.mjs has done in the interpreter."""

import importlib
import importlib.util
import json
import linecache
import py_compile
import random
import traceback
import warnings

UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


def compile_all(root: str, names: str) -> str:
    """Writes a .pyc for each module that compiles; the names of what was written."""
    made = []
    warnings.simplefilter("ignore")
    for name in json.loads(names):
        path = f"{root}/{name}"
        try:
            cached = py_compile.compile(path, doraise=True, invalidation_mode=UNCHECKED)
        except (py_compile.PyCompileError, OSError, RecursionError):
            continue  # templates and files for other versions of Python: importing them would tell
        made.append(cached.removeprefix(f"{root}/"))
    return json.dumps(made)


def import_all(names: str) -> str:
    """Imports modules; the traceback of the first that fails, or nothing."""
    for name in json.loads(names):
        try:
            with warnings.catch_warnings(action="ignore"):
                importlib.import_module(name)
        except BaseException:  # a module may end its process, or raise anything
            return f"{name}\n{traceback.format_exc(limit=-8)}"
    random.seed(0)  # the state in which every interpreter of the bundle starts
    linecache.clearcache()
    return ""
