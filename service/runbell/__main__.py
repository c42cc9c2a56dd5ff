"""The command `runbell`."""


def main() -> None:
    """Run the command line."""
    from runbell.ops.cli import app
    from runbell.ops.ending import end

    try:
        app(prog_name="runbell")
    except SystemExit as asked:
        if not isinstance(asked.code, int):
            raise
        end(asked.code)


if __name__ == "__main__":
    main()
