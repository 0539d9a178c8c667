"""Run after a start, to prove it: does the runner compute, and do later imports find their files?"""

import base64
import json
import sys
import time

from disio.unit import codec, runner

UNIT = '''
"""Adds one."""
import graphlib  # not in the snapshot: comes from python_stdlib.zip

def run(payload):
    print("computing", payload)
    if payload == 3:
        raise ValueError("three")
    return payload + 1
'''
PAYLOADS = [1, 2, 3]

preloaded = len(sys.modules)
begin = time.perf_counter()
info = {
    "task": "prove-1",
    "filename": "add_one.py",
    "params": base64.b64encode(codec.encode({})).decode(),
    "max_result_bytes": 1000,
    "max_log_bytes": 1000,
}
session = runner.open_unit(UNIT, json.dumps(info))
opened = time.perf_counter()
parts = [codec.encode(payload) for payload in PAYLOADS]
session.load(json.dumps([[index, len(part)] for index, part in enumerate(parts)]), b"".join(parts))
text, data = session.step(60.0)
items = json.loads(text)

answers, at = [], 0
for outcome, size, *_ in items:
    part = data[at : at + size]
    answers.append(codec.decode(part) if outcome == 0 else json.loads(part))
    at += size

answer = {
    "python": sys.version.split()[0],
    "modules": preloaded,
    "open_ms": (opened - begin) * 1000,
    "outcomes": [item[0] for item in items],
    "answers": answers,
    "logs": [item[3] if len(item) > 3 else "" for item in items],
    "hash_seed": hash("disio"),
    "left": session.queued,
}
