"""The web console: pages that show how sensors, runs and requests stand. It changes nothing."""
