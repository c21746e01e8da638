"""Expectations of policy among a project's other tests: a plugin of pytest. It renders outcomes and decides nothing."""
