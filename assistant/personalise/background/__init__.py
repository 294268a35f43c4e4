"""When and how a training runs beside the conversation: idle time, and a process of its own."""
