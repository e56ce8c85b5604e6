"""ruleset - the compiler of rule files and the matcher of what it made."""

from filterd.ruleset.ruleset import Differences, RuleSet, differences, load
from filterd.ruleset.scores import Group, Score
from filterd.ruleset.settings import RuleSettings

__all__ = ["Differences", "Group", "RuleSet", "RuleSettings", "Score", "differences", "load"]
