"""What is answered without the language model: facts that the device knows, and calls for help.

A skill takes what was understood and answers in words that code wrote. One file for each noun; what
people say to it is in ``sentences/``, in hassil's syntax.
"""
