"""Policies and modules back to text: CIL, the policy language, file contexts."""
