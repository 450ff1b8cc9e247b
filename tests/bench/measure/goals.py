"""The table of goals, and what a measure says of one."""

from dataclasses import dataclass, field


class NotRun(Exception):
    """A measure that could not be made; the text is the reason. Its rows count as missed."""


@dataclass
class Goal:
    name: str
    unit: str = "×"
    least: float | None = None
    most: float | None = None

    @property
    def bound(self):
        return self.least if self.least is not None else self.most

    @property
    def is_ratio(self):
        return self.unit == "×"

    def met_by(self, finding):
        """None: there is no bound, the row only informs. A goal with an interval is met when all of that meets it."""
        if self.bound is None:
            return None
        if finding.get("value") is None:
            return False
        if self.least is not None:
            return finding.get("low", finding["value"]) >= self.least
        return finding.get("high", finding["value"]) <= self.most


@dataclass
class Measure:
    """Goals that one experiment decides. run(settings) returns a finding for each goal, in their order: a dictionary
    with value and n, and what else there is to say: low and high, rate and cpu_us (ours, theirs), note."""

    name: str
    goals: list
    run: callable
    also: list = field(default_factory=list)  # goals that only inform
