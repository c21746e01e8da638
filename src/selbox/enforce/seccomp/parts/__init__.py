"""What the filter does about each family of calls: one file a family, beside its handlers in ``calls``."""
