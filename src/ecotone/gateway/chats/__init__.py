"""Chats of the console."""
