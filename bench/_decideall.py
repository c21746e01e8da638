"""Loads a kernel policy and takes the decisions that a file asks for: what is measured as a whole process."""

import sys

from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

policy_path, questions_path, way = sys.argv[1:]
server = SecurityServer(load_policy([policy_path]))
asked = []
with open(questions_path, encoding="utf-8") as stream:
    for line in stream:
        source, target, name = line.rstrip("\n").split("\t")
        asked.append((server.context_to_sid(source), server.context_to_sid(target), server.class_id(name) or 0))
if way == "arrays":
    server.compute_access_arrays(*zip(*asked, strict=True))
else:
    for source_sid, target_sid, object_class in asked:
        server.compute_access(source_sid, target_sid, object_class)
