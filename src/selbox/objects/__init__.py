"""Object managers as data: which operation needs which class and permissions, and which label a new object gets.

The supervisor acts by this table, the command line and the documentation show it; it decides and does nothing itself.
"""
