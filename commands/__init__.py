"""The command line's commands, one file a noun; each is imported only when it is called."""
