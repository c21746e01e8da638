"""Handlers of mediated calls, one file a family: each turns a call into checks, and into the act that was allowed."""
