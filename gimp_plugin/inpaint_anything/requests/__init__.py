"""What is asked of the server for a job, and how that is done beside the main loop."""
