"""The states of one trial and every legal way between them.

Motion states can be entered from `approve` alone, and only with a plan the gate passed and an
approval; another attempt begins with a new picture and needs both anew. A fault in any of them
leads through `fault`, where the arms are told to hold.
`docs/state-machine.md` is generated from this class (`python -m app.run.state_machine`).
"""

from pathlib import Path

from statemachine import State, StateMachine

DIAGRAM = Path(__file__).parents[2] / "docs" / "state-machine.md"


class TrialMachine(StateMachine):
    """One pick in one or more attempts, from an idle cell to a logged row; the trial itself answers what must hold
    before anything moves."""

    allow_event_without_transition = False

    idle = State(initial=True)
    capture = State()
    locate = State()
    estimate = State()
    scale = State()
    detect = State()
    plan = State()
    approve = State()
    execute = State()
    verify = State()
    clear = State()
    fault = State()
    log = State()

    advance = (
        idle.to(capture)
        | capture.to(locate)
        | locate.to(estimate)
        | estimate.to(scale)
        | scale.to(detect)
        | detect.to(plan)
        | plan.to(approve)
        | approve.to(execute, cond=["gate_passed", "approved", "may_move"])
        | execute.to(verify)
        | verify.to(clear)
        | clear.to(log)
        | fault.to(log)
        | log.to(idle)
    )
    refuse = (
        capture.to(log)
        | locate.to(log)
        | estimate.to(log)
        | scale.to(log)
        | detect.to(log)
        | plan.to(log)
        | approve.to(log)
    )
    retry = (
        clear.to(capture, cond="may_retry") | detect.to(capture, cond="may_retry") | plan.to(capture, cond="may_retry")
    )
    break_off = execute.to(fault) | verify.to(fault) | clear.to(fault)

    @property
    def stage(self) -> str:
        return str(self.current_state_value)

    @property
    def is_moving(self) -> bool:
        return self.stage in ("execute", "verify", "clear")


def diagram() -> str:
    """The machine as a Markdown page with a Mermaid drawing."""
    from statemachine.contrib.diagram import MermaidGraphMachine

    drawing = MermaidGraphMachine(TrialMachine)()
    return (
        "# The state machine of a trial\n\n"
        "Generated from `app/run/state_machine.py` by `python -m app.run.state_machine`; "
        "a test keeps the two equal.\n\n"
        f"```mermaid\n{drawing}\n```\n"
    )


if __name__ == "__main__":
    DIAGRAM.write_text(diagram())
