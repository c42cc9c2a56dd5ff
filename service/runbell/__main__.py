"""The command `runbell`."""


def main() -> None:
    """Run the command line."""
    from runbell.ops.cli import app

    app(prog_name="runbell")


if __name__ == "__main__":
    main()
