"""Reads a kernel policy and takes one decision, as bench/sepol.c does: arguments are the policy and the question."""

import sys

from selbox.binary.kernel import read_policy
from selbox.server.securityserver import SecurityServer

_, path, question = sys.argv
with open(path, "rb") as stream:
    server = SecurityServer(read_policy(stream.read(), path))
with open(question, encoding="utf-8") as stream:
    source, target, object_class = stream.read().rstrip("\n").split("\t")
number = server.class_id(object_class)
if number is None:
    sys.exit(f"no class {object_class}")
server.compute_access(server.context_to_sid(source), server.context_to_sid(target), number)
