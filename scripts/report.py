"""Write the report."""

from snakelm.report.config import ReportConfig
from snakelm.report.report import report
from snakelm.runs.making import main

if __name__ == "__main__":
    main("report", report, ReportConfig)
