"""How people reach selbox from a shell: verbs return values, which are rendered here. No logic of policy."""
