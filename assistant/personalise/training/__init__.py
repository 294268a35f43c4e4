"""Trainings, from the first step to a judged bridge."""
