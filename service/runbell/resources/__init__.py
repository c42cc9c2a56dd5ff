"""Sets up what sensors take beside their context; for the daemon and for the testing kit, and knows neither."""
