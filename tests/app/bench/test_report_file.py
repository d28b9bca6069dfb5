"""What a bench writes into a document changes nothing that people wrote there."""

from pathlib import Path

import pytest

from app.bench.report_file import ReportFile
from core.errors import ConfigurationError
from tests.support.paths import ROOT


def test_a_report_written_again_changes_its_own_part_alone(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    ReportFile(file, "faults").write("first")
    file.write_text("above\n" + file.read_text() + "below\n")
    around = file.read_text().split("first")
    ReportFile(file, "faults").write("second")
    assert file.read_text() == "second".join(around)
    assert file.read_text().startswith("above\n") and file.read_text().endswith("below\n")


@pytest.mark.parametrize("text", ["# What we saw\n", "<!-- end of what it writes -->"])
def test_a_file_that_somebody_else_wrote_is_refused_before_any_work_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notes.md"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="did not write"):
        ReportFile(file, "faults")
    assert file.read_text() == text


def test_one_benchs_part_is_not_anothers(tmp_path: Path) -> None:
    ReportFile(tmp_path / "report.md", "gate").write("table")
    with pytest.raises(ConfigurationError, match="bench faults did not write"):
        ReportFile(tmp_path / "report.md", "faults")


@pytest.mark.parametrize("bench", ["faults", "gate"])
def test_the_documents_own_reports_can_be_written_again(bench: str) -> None:
    """And what was written by hand is outside of that part."""
    ReportFile(ROOT / "docs" / "lab" / f"{bench}.md", bench)
