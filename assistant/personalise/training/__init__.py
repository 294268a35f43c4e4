"""Trainings from their first step to a bridge that has been judged."""
