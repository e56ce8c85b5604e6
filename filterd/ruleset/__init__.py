"""ruleset - the compiler of rule files and the matcher of what it made."""
