"""The access vector cache in front of the security server; it answers the same protocol and never decides by itself."""
