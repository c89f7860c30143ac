"""What a browser or a load test asks the sandbox for."""
