"""When and how training runs alongside conversations: in idle time, in a separate process."""
