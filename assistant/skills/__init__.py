"""Answers without the language model: facts that the device knows, and calls for help.

A skill takes what was understood and answers in fixed words. There is one file for each subject;
what people say to it is in ``sentences/``, in hassil's syntax.
"""
