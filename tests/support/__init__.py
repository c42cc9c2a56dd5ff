"""What the tests stand on: real servers, real processes, and ways to wait for a fact with a deadline."""
