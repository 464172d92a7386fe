"""The settings window: models and servers."""
