"""Back ends that see the real operations of processes, ask objects and the AVC, and act on the answer."""
