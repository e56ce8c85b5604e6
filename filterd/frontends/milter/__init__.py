"""frontends.milter - libmilter callbacks into conversation stages: the only door to pymilter."""
