"""Archives of submissions: read from strangers without harm, written with the same bytes each time, encrypted.

Nothing here knows what a submission is.
"""
