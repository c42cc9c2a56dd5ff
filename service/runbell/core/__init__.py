"""Values and decisions, pure: no waiting, clock, randomness, logging or SQL (a contract of import-linter says so).

What the shell around it needs to know is passed in; what it should do is returned. Begin with `sensors.py` (what an
author declares), then `places.py` (how far a sensor has got) and `progress.py` (what may be settled now).
"""
