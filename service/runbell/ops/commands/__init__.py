"""One module a command; `runbell.ops.cli` imports the one that is called."""
