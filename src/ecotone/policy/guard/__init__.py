"""The content guard: scores of a text by risk, from a classifier, word lists and guard models. Rules decide."""
