"""Velocity templates as hostile input: an item becomes a text, and nothing else can happen."""
