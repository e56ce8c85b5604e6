"""checks - facts and results into evidence; checks do not know each other.

`catalogue.py` holds ALL, the ordered, explicit tuple. Nothing registers itself.
"""
