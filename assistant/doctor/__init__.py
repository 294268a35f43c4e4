"""Checks every part of Attune and suggests fixes."""
