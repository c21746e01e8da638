"""Audit records as the kernel writes them: made, read and summed up. It writes to nothing; callers do."""
