"""The kernel's seccomp interface: filter programs and user notifications. It knows nothing of policy."""
