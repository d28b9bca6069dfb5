"""What `--estimator auto` means on this machine, and why."""


def choose_estimator(asked: str) -> tuple[str, str]:
    """The estimator's name and the reason, as shown to the person."""
    if asked != "auto":
        return asked, "as asked"
    return "raw", "auto: no learned estimator is installed, so the sensor's own depth"
