"""Object managers as data: which operation on which object needs which class and permissions, and which label a new object gets."""
