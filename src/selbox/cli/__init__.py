"""How people reach selbox from a shell: verbs that return values, and their rendering. No logic of policy lives here."""
