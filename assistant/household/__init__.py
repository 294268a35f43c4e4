"""What a household has asked Attune to keep: times, lists and notes, in the journal's database."""
