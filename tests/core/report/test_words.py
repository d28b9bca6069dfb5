from core.report.words import counted


def test_only_one_is_singular() -> None:
    assert [counted(count, "trial") for count in (0, 1, 2_000)] == ["0 trials", "1 trial", "2,000 trials"]
