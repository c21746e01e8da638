"""What can be asked of a whole policy. It is given policies and questions, and returns values; it touches no file."""
