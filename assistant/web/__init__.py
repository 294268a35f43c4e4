"""The page for whoever helps: a small web server beside the daemon, which it asks at its socket."""
