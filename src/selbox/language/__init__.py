"""Text to syntax trees. Callers are the compiler and tools that show source; nothing here knows what a policy means."""
