"""Looks Attune over, part by part, and says what to do about what is amiss."""
