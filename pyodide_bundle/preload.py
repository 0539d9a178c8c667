"""What a fresh interpreter finds already imported: run once, when the snapshot is made.

Importing later works just as well, from ``python_stdlib.zip``; it only costs the volunteer time.
"""

import _pylong  # lazily imported by str() and int() of long numbers
import abc
import argparse
import array
import base64
import bisect
import calendar
import cmath
import collections
import concurrent.futures
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import difflib
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
import logging
import math
import numbers
import operator
import pickle
import pprint
import random
import re
import secrets
import statistics
import string
import struct
import sys
import textwrap
import time
import traceback
import types
import typing
import unicodedata
import urllib.parse
import uuid
import warnings
import zlib
import zoneinfo

import disio.unit.codec
import disio.unit.context
import disio.unit.contract
import disio.unit.runner

# Every restored interpreter starts from these bytes, so the module's generator is the same everywhere until it is
# seeded; a fixed state says so, and gives the same snapshot on every machine.
random.seed(0)

linecache.clearcache()
gc.collect()
