"""What a fresh interpreter finds already imported: run once, when the snapshot is made.

Importing later works just as well, from ``python_stdlib.zip``; it only costs the volunteer some milliseconds. What few
units use is therefore left out: every visitor would download it.
"""

import _pylong  # lazily imported by str() and int() of long numbers
import abc
import array
import base64
import bisect
import cmath
import collections
import contextlib
import copy
import ctypes  # this, pickle, platform and sysconfig are more than half of what importing numpy takes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import hashlib
import heapq
import io
import itertools
import json
import linecache
import math
import numbers
import operator
import pickle
import platform
import random
import re
import statistics
import string
import struct
import sys
import sysconfig
import textwrap
import time
import traceback
import types
import typing
import warnings
import zlib

import disio.unit.codec
import disio.unit.context
import disio.unit.contract
import disio.unit.runner

# Every restored interpreter starts from these bytes, so the module's generator is the same everywhere until it is
# seeded; a fixed state says so, and keeps chance out of the snapshot.
random.seed(0)

linecache.clearcache()
gc.collect()
