"""The Common Intermediate Language (CIL) of SELinux policy, from text to syntax trees."""
