"""Write the report."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("report")
