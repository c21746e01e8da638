"""selbox: SELinux in user space."""
