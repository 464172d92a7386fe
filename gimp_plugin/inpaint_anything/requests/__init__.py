"""What is asked of the server for a job, and how it is asked without blocking the main loop."""
