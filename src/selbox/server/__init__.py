"""The security server: SIDs, contexts, access decisions and transitions, decided from a Policy as the kernel decides them."""
