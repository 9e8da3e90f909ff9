"""`python -m snakelm` is the command `snakelm`."""

from snakelm.cli.main import main

if __name__ == "__main__":
    main()
